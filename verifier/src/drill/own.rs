//! What a job asks of its points beside what every drill asks: commands over all that came back, and questions to
//! databases, which are asked while they are open.

use std::cell::RefCell;

use engine::config::JobProbe;

use super::steps::tell_words;
use super::{Bench, Drill, Probed};
use crate::choose::Chosen;
use crate::probe::command::{self, Place};
use crate::probe::question::{Response, Tally};
use crate::probe::{Outcome, ProbeKind};
use crate::scratch::Fresh;

/// Questions that no database answered, and the commands.
pub(super) fn rest(bench: &Bench<'_>, chosen: &Chosen, tally: RefCell<Tally<'_>>, fresh: &Fresh, drill: &mut Drill) {
    take(bench, b"", tally.into_inner().unanswered(), drill);
    for probe in bench.probes {
        if let JobProbe::Command(probe) = probe {
            (bench.tell)("probing", 0, 0);
            let told = [("OFFSITE_JOB", chosen.job_name.clone()), ("OFFSITE_POINT", chosen.point.id.to_string())];
            let place = Place { tree: &fresh.tree(), work: &fresh.work(), told: &told };
            let outcome = command::run(probe, &place, bench.clock, bench.stop);
            add(bench, b"", ProbeKind::Command, outcome, drill);
        }
    }
}

/// What came of questions about a file.
pub(super) fn take(bench: &Bench<'_>, path: &[u8], responses: Vec<Response>, drill: &mut Drill) {
    for Response { kind, outcome, .. } in responses {
        add(bench, path, kind, outcome, drill);
    }
}

fn add(bench: &Bench<'_>, path: &[u8], kind: ProbeKind, outcome: Outcome, drill: &mut Drill) {
    let Outcome { verdict, detail, words } = outcome;
    let of = if path.is_empty() { b"the job's own probe" } else { path };
    tell_words(bench, of, verdict, &words);
    drill.add_probe(Probed { path: path.to_vec(), kind, verdict, detail });
}
