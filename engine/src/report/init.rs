//! `engine init`: what was made, and where the recovery sheet is.

use serde::Serialize;

use super::{Align, Cell, Page, Report, Table, Tone};

use super::text::{as_text, as_text_or_null};

use crate::model::{DestinationName, VaultId};

/// What was made, and what was there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InitReport {
    /// The starter configuration that was written, if there was none; nothing else was done then.
    pub starter: Option<String>,
    /// Home first.
    pub vaults: Vec<VaultMade>,
    /// The recovery sheet; none if there is none yet.
    pub recovery_sheet: Option<String>,
    /// The same as a page for a browser, with a QR code.
    pub recovery_sheet_page: Option<String>,
    /// Was the sheet written now?
    pub sheet_written: bool,
    /// What a person should know, as `same-disk`.
    pub warnings: Vec<String>,
}

/// What became of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Made {
    /// A vault was made there.
    Made,
    /// Our vault was there already.
    WasThere,
    /// Nothing was made: the place is not there, or something is wrong with it.
    NotThere,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VaultMade {
    /// The destination; `home` for home.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Its vault, if it has one.
    #[serde(serialize_with = "as_text_or_null")]
    pub medium: Option<VaultId>,
    /// Where.
    pub place: String,
    /// What became of it.
    pub made: Made,
    /// Why nothing was made.
    pub reason: Option<String>,
    /// On the same device as home or the root?
    pub same_disk: bool,
    /// What it can do, answer by answer; none if it was not asked now.
    pub probe: Option<Answers>,
}

/// What a place answered when it was asked what it can do, by what was asked.
pub type Answers = std::collections::BTreeMap<String, String>;

impl Report for InitReport {
    fn people(&self, page: &mut Page) {
        if let Some(starter) = &self.starter {
            page.line(format_args!("A starter configuration was written to {starter}."));
            page.line("-> Say in it what to protect and where to copy it, then run `engine init` again.");
            return;
        }
        self.write_vaults(page);
        if let Some(sheet) = &self.recovery_sheet {
            let written = if self.sheet_written { "was written to" } else { "is at" };
            page.gap();
            page.line(format_args!("The recovery sheet {written} {sheet}."));
            if let Some(with_code) = &self.recovery_sheet_page {
                page.line(format_args!("The same with a QR code, for a browser: {with_code}."));
            }
            page.line("-> Print one of them, keep it away from this computer, and delete the files:");
            page.line("   with it and any destination, all can be restored.");
        }
        for warning in &self.warnings {
            let warning = page.toned(&format!("look: {warning}"), Tone::Waiting);
            page.line(warning);
        }
    }

    fn troubles(&self) -> Vec<String> {
        let away = self.vaults.iter().filter(|vault| vault.made == Made::NotThere);
        let away =
            away.map(|vault| format!("{}: {}", vault.destination, vault.reason.as_deref().unwrap_or("not made")));
        away.chain(self.warnings.iter().cloned()).collect()
    }
}

impl InitReport {
    fn write_vaults(&self, page: &mut Page) {
        let mut table = Table::new([("PLACE", Align::Left), ("VAULT", Align::Left), ("WHERE", Align::Left)]);
        for vault in &self.vaults {
            let (words, tone) = match vault.made {
                Made::Made => ("made", Tone::Good),
                Made::WasThere => ("was there", Tone::Plain),
                Made::NotThere => ("not made", Tone::Waiting),
            };
            let place = vault.reason.as_deref().unwrap_or(&vault.place);
            table.row([vault.destination.as_str().into(), Cell::toned(words, tone), place.into()]);
        }
        table.write(page, 0);
    }
}
