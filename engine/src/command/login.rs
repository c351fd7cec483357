//! The further keys of a destination whose URL is given on the command line, as in the configuration: options of every
//! command that works without one.

use crate::config::{Given, Keys};
use clap::Args;

/// How a server is reached: each option is the configuration's key of that name.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "For servers, as the keys of a destination in the configuration")]
pub struct Login {
    /// The SSH key
    #[arg(long, value_name = "F")]
    identity_file: Option<String>,
    /// The file that holds the SSH key's passphrase
    #[arg(long, value_name = "F")]
    identity_passphrase_file: Option<String>,
    /// Host keys that are trusted
    #[arg(long, value_name = "F")]
    known_hosts: Option<String>,
    /// The file that holds the account's password
    #[arg(long, value_name = "F")]
    password_file: Option<String>,
    /// The variable that holds the account's password
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// The command that prints the account's password
    #[arg(long, value_name = "LINE")]
    password_command: Option<String>,
    /// Certificates that are trusted, beside the system's
    #[arg(long, value_name = "F")]
    ca_file: Option<String>,
    /// `explicit` or `implicit`
    #[arg(long, value_name = "HOW")]
    tls: Option<String>,
    /// The server opens FTP's data connections
    #[arg(long)]
    active: bool,
    /// Everything may go over the wire in clear
    #[arg(long)]
    plain: bool,
    /// The S3 server
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The S3 region
    #[arg(long)]
    region: Option<String>,
    /// The bucket is in the path
    #[arg(long)]
    path_style: bool,
    /// The file that holds the access key's id
    #[arg(long, value_name = "F")]
    access_key_id_file: Option<String>,
    /// The variable that holds the access key's id
    #[arg(long, value_name = "NAME")]
    access_key_id_env: Option<String>,
    /// The file that holds the access key
    #[arg(long, value_name = "F")]
    secret_access_key_file: Option<String>,
    /// The variable that holds the access key
    #[arg(long, value_name = "NAME")]
    secret_access_key_env: Option<String>,
}

impl Login {
    /// The options that give these keys.
    #[must_use]
    pub fn words(keys: &Keys) -> Vec<String> {
        let option = |key: &str| match key {
            "passphrase-file" => "--identity-passphrase-file".to_owned(),
            key => format!("--{key}"),
        };
        let words = keys.iter().flat_map(|(key, given)| match given {
            Given::Text(value) => vec![option(key), value.clone()],
            Given::Flag => vec![option(key)],
        });
        words.collect()
    }

    /// Those that were given.
    #[must_use]
    pub fn keys(self) -> Keys {
        let texts = [
            ("identity-file", self.identity_file),
            ("passphrase-file", self.identity_passphrase_file),
            ("known-hosts", self.known_hosts),
            ("password-file", self.password_file),
            ("password-env", self.password_env),
            ("password-command", self.password_command),
            ("ca-file", self.ca_file),
            ("tls", self.tls),
            ("endpoint", self.endpoint),
            ("region", self.region),
            ("access-key-id-file", self.access_key_id_file),
            ("access-key-id-env", self.access_key_id_env),
            ("secret-access-key-file", self.secret_access_key_file),
            ("secret-access-key-env", self.secret_access_key_env),
        ];
        let flags = [("active", self.active), ("plain", self.plain), ("path-style", self.path_style)];
        let texts = texts.into_iter().filter_map(|(key, value)| Some((key, Given::Text(value?))));
        texts.chain(flags.into_iter().filter(|(_, on)| *on).map(|(key, _)| (key, Given::Flag))).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        login: Login,
    }

    #[test]
    fn keys_are_the_same_behind_their_words() {
        let texts = [
            "identity-file",
            "passphrase-file",
            "known-hosts",
            "password-file",
            "ca-file",
            "tls",
            "endpoint",
            "region",
            "access-key-id-file",
            "secret-access-key-file",
        ];
        let texts = texts.map(|key| (key, Given::Text(format!("value of {key}"))));
        let flags = ["active", "plain", "path-style"].map(|key| (key, Given::Flag));
        let keys: Keys = texts.into_iter().chain(flags).collect();
        let words = [vec!["program".to_owned()], Login::words(&keys)].concat();
        assert_eq!(Line::try_parse_from(words).expect("valid").login.keys(), keys);
    }
}
