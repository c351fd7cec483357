//! What may be named from where, and why: (module, what it names, reason). Several names with one reason share a row.

/// (module, names, reason).
pub type Row = (&'static str, &'static str, &'static str);

/// Modules of the engine. `model` is the words and names nothing; `format` and `plan` name nothing else of ours.
pub const MODULES: &[Row] = &[
    ("format", "model", "bytes to words and back"),
    ("plan", "model", "a pure function over words"),
    ("port", "model", "the clock tells a `Time`"),
    ("schedule", "model", "moments are `Time`"),
    ("platform", "model", "what the system says, in our words"),
    ("catalog", "model", "rows of words; decides nothing, so it knows no stage"),
    ("destination", "model", "paths in a vault"),
    ("destination", "port", "throttle and watch take their time from a clock"),
    ("seal", "model", "ids that keys are derived for"),
    ("seal", "format", "headers and slots are associated data"),
    ("seal", "port", "fresh salts"),
    ("vault", "model format seal destination", "objects at a store, checked down to their identity"),
    ("vault", "port", "fresh salts of packs"),
    ("vault", "chunk", "chunks' lengths tell where an entry begins"),
    ("source", "model", "entries"),
    ("source", "platform", "reads the world"),
    ("capture", "model source chunk vault catalog", "entries and bytes to packs at home"),
    ("capture", "format seal destination", "the types that vault's interface speaks in: entries, keys, stores"),
    ("capture", "port", "clock and entropy, for a simulator"),
    ("capture", "copy", "NOT YET: the row of a new point is made by a function that lies in copy"),
    ("config", "model", "names and rules"),
    ("config", "schedule", "a schedule is read once, with its place in the file"),
    ("observe", "model catalog config vault plan", "all that is known, as the value that plan takes"),
    ("observe", "destination seal", "looks at places through a store, with keys"),
    ("copy", "model catalog vault plan", "a checked plan to effects, recorded"),
    ("copy", "destination format seal", "the types that vault's interface speaks in: stores, heads, keys"),
    ("copy", "port", "clock and entropy, for a simulator"),
    ("restore", "model vault platform", "packs to files, safely; never the catalog: it must work without"),
    ("restore", "destination format seal", "the types that vault's interface speaks in: stores, manifests, keys"),
    ("browse", "model vault", "what is in points"),
    ("browse", "format", "the manifest, as vault gives it"),
    ("report", "model", "values to text and JSON; looks nothing up"),
    ("report", "browse", "NOT YET: the words of a difference are browse's and not model's"),
    ("installation", "model config catalog vault seal destination platform", "what a configuration names, opened"),
    ("installation", "format", "makes identities and slots at init"),
    ("installation", "port", "clock and entropy, for a simulator"),
    ("command", "model installation observe plan capture copy restore browse report", "one call of the contract"),
    ("command", "catalog config destination vault", "what installation opened, handed on"),
    ("command", "source seal format", "the types that stages speak in: exclusions, keys, manifests"),
    ("command", "platform", "locks, priorities, where it runs"),
    ("command", "port", "passes the clock and entropy on"),
    ("bin", "args later show", "modules of the binary itself"),
];

/// The binary `engine`: what it names of the library.
pub const BINARY: &[Row] = &[
    ("bin", "command", "a call"),
    ("bin", "report", "what a call gave, printed"),
    ("bin", "model", "ids and names are parsed on the command line"),
    ("bin", "platform", "signals"),
    ("bin", "port", "the real clock and entropy are put in here"),
    ("bin", "capture restore", "two-variant enums that a command takes"),
];

/// Crates that any module may name.
pub const EVERYWHERE: &[&str] = &["thiserror"];

/// Crates of the engine. No network crate is among them yet: those will be `destination`'s alone.
pub const CRATES: &[Row] = &[
    ("catalog", "redb", "the only place that names it"),
    ("catalog", "rkyv", "local values, read in place"),
    ("catalog", "fs4", "file locks"),
    ("catalog", "xxhash_rust", "checks of local values"),
    ("catalog", "data_encoding", "ids in names of lock files"),
    ("copy", "rayon blake3 xxhash_rust", "hashing in one pass over mapped windows"),
    ("copy", "memmap2 libc", "the one unsafe module"),
    ("copy", "rustix", "hints about mapped pages"),
    ("capture", "rayon", "chunks are packed on all cores"),
    ("capture", "blake3 zeroize", "identities, under a key that is wiped"),
    ("chunk", "fastcdc", "cut points"),
    ("chunk", "blake3", "the gear table comes from the family's key"),
    ("chunk", "xxhash_rust", "the cut of the entry stream"),
    ("format", "minicbor", "the only place that names it"),
    ("format", "blake3", "digests that end plain files"),
    ("format", "data_encoding", "digests in names"),
    ("seal", "ring argon2 blake3 zeroize", "the only place that encrypts and stretches"),
    ("vault", "zstd", "the codec of chunks"),
    ("vault", "blake3 zeroize", "names and identities are checked; plain bytes of keys are wiped"),
    ("destination", "rustix libc", "syscalls relative to a folder; error numbers to kinds"),
    ("destination", "fs4", "free space where rustix is not"),
    ("platform", "rustix libc", "all that differs by system"),
    ("source", "ignore", "gitignore-style globs"),
    ("config", "ignore", "a wrong glob is refused with its place in the file"),
    ("config", "toml", "the only place that names it"),
    ("config", "data_encoding", "percent escapes in URLs"),
    ("config", "zeroize", "secrets are wiped"),
    ("installation", "zeroize", "secrets are wiped"),
    ("installation", "crossbeam_channel", "a place that blocks is given up after a while"),
    ("command", "crossbeam_channel", "one thread for each medium; a session that hangs is left behind"),
    ("command", "jiff", "the local time zone, for schedules and `keep`"),
    ("restore", "crossbeam_channel", "one thread reads packs ahead of the one that writes files"),
    ("restore", "blake3", "each file's digest, as it is written"),
    ("restore", "fs4", "free space before it begins"),
    ("browse", "globset", "`engine find`"),
    ("browse", "blake3", "a dumped file's digest"),
    ("browse", "data_encoding serde jiff", "entries of `engine ls`, one at a time, as the contract spells them"),
    ("model", "data_encoding", "ids as hex digits"),
    ("model", "jiff", "moments as text"),
    ("port", "getrandom", "the system's entropy"),
    ("port", "jiff", "the system's clock"),
    ("plan", "jiff", "days of `keep` in a time zone that is given"),
    ("observe", "jiff", "hands plan its time zone"),
    ("schedule", "jiff", "time zones and daylight saving"),
    ("report", "serde", "the contract's JSON"),
    ("report", "jiff data_encoding", "times, and paths that are not UTF-8"),
    ("bin", "clap", "the command line"),
    ("bin", "indicatif", "bars on a terminal"),
    ("bin", "serde serde_json", "prints a report's JSON"),
    ("bin", "jiff", "log lines and the page of a report show local time"),
];

/// What the verifier names of the engine: it restores with its own eyes, from a place and a passphrase. `catalog` is
/// for the reservation that keeps a point while it is drilled (D-2), `command` for its exit codes and voice.
pub const OF_THE_ENGINE_FOR_THE_VERIFIER: &[&str] =
    &["catalog", "command", "config", "destination", "format", "model", "port", "report", "restore", "seal", "vault"];
