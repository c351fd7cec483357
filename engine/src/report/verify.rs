//! `engine verify`: what was read back, and what was not as it should be.

use serde::{Serialize, Serializer};

use super::{Page, Report, Tone, size};

use super::text::{as_text, as_text_or_null, as_texts, as_texts_or_null, count};

use super::time::as_utc_or_null;

use crate::model::{DestinationName, Digest, ObjectName, PointId, Time, VaultId};

/// What is left to do where nothing can be healed.
const LOST: &str = "connect places that are away and verify them; older points may have the files, and the next `engine \
                    backup` stores again what is still at its source";

/// Each place that was read.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VerifyReport {
    /// Home first.
    pub places: Vec<VerifiedPlace>,
    /// Places that were asked for and could not be read.
    pub not_there: Vec<PlaceNotThere>,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerifiedPlace {
    /// The destination; `home` for home.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// The medium that is there.
    #[serde(serialize_with = "as_text_or_null")]
    pub medium: Option<VaultId>,
    /// Objects read.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is not as it should be.
    pub damaged: Vec<DamagedObject>,
    /// What the place refuses to read out: nothing is known of it.
    pub unread: Vec<UnreadObject>,
    /// Why it was not read to the end, or what was found there could not be repaired.
    pub unfinished: Option<String>,
    /// Was only a part asked for?
    #[serde(skip)]
    pub is_part: bool,
    /// What was not come to, and what the reading shows of the whole.
    #[serde(flatten)]
    pub shows: VerifiedShows,
}

/// What reading shows of the whole place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VerifiedShows {
    /// Packs and manifests that were asked for, and not read for lack of time or because it ended early.
    pub left: u64,
    /// What a random sample shows.
    pub sample: Option<SampleShows>,
    /// How long ago any byte was read.
    pub coverage: CoverageShows,
}

/// What a random sample shows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SampleShows {
    /// What the draws were made from, in hex: whoever has the sizes can draw again.
    #[serde(serialize_with = "as_hex")]
    pub seed: [u8; 32],
    /// Bytes that were drawn from.
    pub of_bytes: u64,
    /// Bytes that were drawn.
    pub draws: u64,
    /// Draws that met an object that is bad, or could not be read.
    pub bad_draws: u64,
    /// How sure the next figure is.
    pub confidence: f64,
    /// At most so many bytes lie in such objects.
    pub bad_bytes_at_most: u64,
    /// Objects that were drawn from.
    pub of_objects: u64,
    /// Of those, objects that were read and are good.
    pub good_objects: u64,
}

/// How long ago any byte was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CoverageShows {
    /// All that should lie there.
    pub bytes: u64,
    /// Known to be damaged or missing.
    pub damaged_bytes: u64,
    /// Never read back since it was written.
    pub never_read_bytes: u64,
    /// When what was, was, at the least.
    #[serde(serialize_with = "as_utc_or_null")]
    pub oldest_read: Option<Time>,
}

fn as_hex<S: Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&Digest(*bytes).to_string())
}

/// An object, or a folder of them, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnreadObject {
    /// Its path in the vault.
    pub object: String,
    /// Why not.
    pub problem: String,
}

/// An object that is damaged or missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DamagedObject {
    /// Its path in the vault.
    pub object: String,
    /// In which way.
    pub problem: String,
    /// The points that need it there.
    #[serde(serialize_with = "as_texts")]
    pub points: Vec<PointId>,
    /// Was it replaced from a good placement?
    pub healed: bool,
    /// Other places that are not known to have it damaged, home first; null for what is made anew without any.
    #[serde(serialize_with = "as_texts_or_null")]
    pub good_at: Option<Vec<DestinationName>>,
    /// What it is.
    #[serde(skip)]
    pub name: Option<ObjectName>,
}

/// A place that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceNotThere {
    /// The destination; `home` for home.
    #[serde(serialize_with = "as_text")]
    pub destination: DestinationName,
    /// Why not.
    pub reason: String,
}

impl Report for VerifyReport {
    fn people(&self, page: &mut Page) {
        for place in &self.places {
            place.write(page);
        }
        write_not_there(page, &self.not_there);
        if self.places.is_empty() && self.not_there.is_empty() {
            page.line("There is no place to verify.");
        }
    }
}

impl VerifiedPlace {
    fn write(&self, page: &mut Page) {
        let read = format!("{}: {} objects, {} read back", self.destination, self.objects, size(self.bytes));
        let (verdict, tone) = self.verdict();
        let verdict = page.toned(&verdict, tone);
        page.line(format_args!("{read}, {verdict}"));
        self.write_damaged(page);
        for object in &self.unread {
            let line = page.toned(&format!("  {}: {}", object.object, object.problem), Tone::Waiting);
            page.line(line);
        }
        if !self.unread.is_empty() {
            page.line("  -> run it as a user who may read them, or see to their permissions");
        }
        if let Some(why) = &self.unfinished {
            let line = page.toned(&format!("  not finished: {why}"), Tone::Waiting);
            page.line(line);
        }
        if self.is_part {
            self.shows.write(page);
        } else if self.shows.left > 0 {
            page.line(format_args!("  not come to: {}", count(self.shows.left, "object")));
        }
    }

    fn healed(&self) -> usize {
        self.damaged.iter().filter(|object| object.healed).count()
    }

    /// What was found; sound is only what was read, all of it.
    fn verdict(&self) -> (String, Tone) {
        let (damaged, unread, healed) = (self.damaged.len(), self.unread.len(), self.healed());
        let mut parts = Vec::new();
        if damaged > 0 {
            parts.push(format!("{damaged} damaged or missing, {healed} healed"));
        }
        if unread > 0 {
            parts.push(format!("{unread} could not be read"));
        }
        if parts.is_empty() && self.unfinished.is_some() {
            parts.push("no damage so far".to_owned());
        }
        match (&parts[..], healed == damaged) {
            ([], _) if self.is_part => ("what was read is sound".to_owned(), Tone::Good),
            ([], _) => ("all sound".to_owned(), Tone::Good),
            (_, true) => (parts.join(", "), Tone::Waiting),
            (_, false) => (parts.join(", "), Tone::Bad),
        }
    }

    fn write_damaged(&self, page: &mut Page) {
        for object in &self.damaged {
            let healed = if object.healed { " (healed)" } else { "" };
            page.line(format_args!("  {}: {}{healed}", object.object, object.problem));
            let points: Vec<_> = object.points.iter().map(ToString::to_string).collect();
            if !points.is_empty() {
                page.line(format_args!("    needed by {}", points.join(", ")));
            }
        }
        let is_lost = |object: &&DamagedObject| object.good_at.as_ref().is_some_and(Vec::is_empty);
        let (lost, rest): (Vec<_>, Vec<_>) = self.damaged.iter().filter(|it| !it.healed).partition(is_lost);
        if !rest.is_empty() {
            page.line("  -> `engine verify --repair` replaces what another place has whole");
        }
        if !lost.is_empty() {
            page.line(format_args!("  -> no other place is known to have {} of these whole: {LOST}", lost.len()));
        }
    }
}

impl VerifiedShows {
    fn write(&self, page: &mut Page) {
        if self.left > 0 {
            page.line(format_args!("  no time was left for {}: the next run begins there", count(self.left, "object")));
        }
        if let Some(sample) = self.sample.as_ref().filter(|sample| sample.bad_draws == 0) {
            sample.write(page);
        }
        let CoverageShows { bytes, damaged_bytes, never_read_bytes, oldest_read } = self.coverage;
        let rest = if damaged_bytes > 0 { "of what is not damaged every byte" } else { "every byte" };
        match oldest_read {
            _ if bytes == 0 => page.line("  nothing lies there"),
            Some(oldest) if never_read_bytes == 0 => {
                page.line(format_args!("  {rest} was read back at {} or later", page.time(oldest)));
            }
            None if damaged_bytes == bytes => page.line("  all that should lie there is damaged or missing"),
            _ => page.line(format_args!("  {} of {} were never read back", size(never_read_bytes), size(bytes))),
        }
    }
}

impl SampleShows {
    #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
    fn write(&self, page: &mut Page) {
        let percent = self.bad_bytes_at_most as f64 * 100.0 / (self.of_bytes.max(1)) as f64;
        let sure = self.confidence * 100.0;
        let (bytes, draws) = (size(self.of_bytes), count(self.draws, "byte"));
        page.line(format_args!(
            "  with {sure:.0} % confidence at most {percent:.2} % of the bytes asked for are in bad objects ({draws} drawn \
             of {bytes}, {} of {} read)",
            self.good_objects,
            count(self.of_objects, "object")
        ));
        if self.good_objects < self.of_objects {
            page.line("    as they were just now, and all together: any single object that was not read may be bad");
        }
    }
}

/// Places that could not be asked, one line each.
pub(super) fn write_not_there(page: &mut Page, places: &[PlaceNotThere]) {
    for place in places {
        let line = page.toned(&format!("{} could not be read: {}", place.destination, place.reason), Tone::Waiting);
        page.line(line);
    }
}
