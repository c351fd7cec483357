use engine::model::{PointId, PointName, PointOrder, Time};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;
use crate::drill::{Counts, Drill, Probed};
use crate::mismatch::Mismatch;
use crate::probe::ProbeKind;
use crate::report::facts::Setting;
use crate::report::key::PublicKey;
use crate::report::record::Identity;

const HOSTILE: &[u8] = b"<script>alert('1')</script>\"&\x1b[2J\xe2\x80\xae\xff\xef\xbf\xbe]]>";

fn drill() -> Drill {
    let mut drill = Drill::begin("documents", &"usb".parse().expect("a name"), Time::from_seconds(1_790_000_000));
    drill.finished = Time::from_seconds(1_790_000_009);
    drill.point = Some(PointName { order: PointOrder { epoch: 1, sequence: 2 }, id: PointId([0xab; 8]) });
    drill.verdict = Verdict::Fail;
    (drill.entries, drill.files, drill.bytes) = (5, 4, 2048);
    drill.expected = Counts { entries: 6, files: 5, bytes: 4096 };
    drill.objects = 3;
    drill.age = Some(std::time::Duration::from_secs(7200));
    drill.restore = Some(std::time::Duration::from_millis(2500));
    drill.mismatches.add(Mismatch::differs(HOSTILE, "digest", "<b>", "&amp;"));
    drill.control = ControlVerdict::Pass;
    for (verdict, path) in [(ProbeVerdict::Pass, &b"a.zip"[..]), (ProbeVerdict::Skipped, HOSTILE)] {
        let detail = String::from_utf8_lossy(HOSTILE).into_owned();
        drill.add_probe(Probed { path: path.to_vec(), kind: ProbeKind::Zip, verdict, detail });
    }
    drill
}

fn report(drill: &Drill) -> ReportFile {
    let hostile = String::from_utf8_lossy(HOSTILE).into_owned();
    let setting = Setting { address: hostile, expect: Some(std::time::Duration::from_secs(60)), ..Setting::default() };
    ReportFile::of(drill, &setting, identity(Vec::new()))
}

fn identity(paces: Vec<crate::report::trend::Pace>) -> Identity {
    Identity {
        verifier: "00".into(),
        key: PublicKey([7; 32]),
        kind: crate::report::KeyKind::Installation,
        sequence: 12,
        previous: None,
        before: None,
        left_out: Vec::new(),
        paces,
    }
}

fn seen<T>(drill: &Drill, look: impl FnOnce(&Seen<'_>) -> T) -> T {
    let report = report(drill);
    let bytes = serde_json::to_vec(&report).expect("serializes");
    let brief: Brief = serde_json::from_slice(&bytes).expect("a report");
    let old = Brief { started: "nonsense".into(), restore_seconds: Some(f64::MAX), ..brief.clone() };
    look(&Seen { report: &report, digest: entry::digest_of(&bytes), past: &[old, brief] })
}

#[test]
fn a_report_reads_back_as_it_was_written() {
    let report = report(&drill());
    let bytes = serde_json::to_vec_pretty(&report).expect("serializes");
    assert_eq!(entry::parse(&bytes), Ok(report));
}

/// What a report of a drill with that `rto`, after those restores, says that a person should know.
fn notes(rto: u64, paces: Vec<crate::report::trend::Pace>) -> Vec<String> {
    let setting = Setting { rto: Some(std::time::Duration::from_secs(rto)), ..Setting::default() };
    let mut passed = drill();
    passed.verdict = Verdict::Pass;
    let report = ReportFile::of(&passed, &setting, identity(paces));
    report.drill.notes
}

#[test]
fn a_restore_above_the_rto_or_on_its_way_there_is_a_note() {
    let pace = |day: i64, seconds: f64| crate::report::trend::Pace {
        at: Time::from_seconds(1_790_000_000 - day * 86_400),
        seconds,
        bytes: 2048,
    };
    assert_eq!(notes(2, Vec::new()), ["the restore took 3 s, and the job's rto allows 2 s"], "2.5 s, and no trend");
    assert_eq!(notes(3, Vec::new()), Vec::<String>::new());
    let growing = notes(3, vec![pace(20, 0.5), pace(10, 1.5)]);
    assert!(
        matches!(&growing[..], [one] if one.contains("by their trend they are above the job's rto")),
        "{growing:?}"
    );
}

#[test]
fn no_text_from_outside_is_markup_in_the_page() {
    let page = seen(&drill(), page::page);
    for bad in ["<script", "<b>digest", "\u{1b}", "\u{202e}", "alert('"] {
        assert!(!page.contains(bad), "{bad}");
    }
    assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)"), "it is shown as text");
    assert!(page.contains("&amp;amp;"), "what was escaped before is shown as it was");
    for elsewhere in ["http:", "https:", "src=", "url(", "@import", "href="] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
}

/// What `<data>` elements of a page hold, in their order.
fn data(page: &str) -> Vec<String> {
    let parts = page.split("<data value=\"").skip(1);
    parts.map(|part| part.split('"').next().expect("a value").to_owned()).collect()
}

#[test]
fn the_page_has_the_documents_figures_and_digest() {
    let drill = drill();
    let (page, digest) = seen(&drill, |seen| (page::page(seen), seen.digest.to_string()));
    assert!(page.contains(&digest));
    let json: serde_json::Value = serde_json::to_value(report(&drill)).expect("serializes");
    let figures = data(&page);
    for figure in [
        &json["files"],
        &json["bytes"],
        &json["objects"],
        &json["coverage"]["entries-compared"],
        &json["coverage"]["entries-expected"],
        &json["point-age-seconds"],
        &json["restore-seconds"],
        &json["measured"]["restore-bytes-per-second"],
        &json["mismatch-count"],
    ] {
        assert!(figures.contains(&figure.to_string()), "{figure} is not in {figures:?}");
    }
    assert!(page.contains("at most 60 s, not met"), "the objective");
    assert!(page.contains("50.0 %"), "half of the bytes were compared");
}

#[test]
fn every_drill_has_a_mark_in_each_plot_and_no_coordinate_is_wild() {
    let page = seen(&drill(), page::page);
    assert_eq!(page.matches("<g class=\"fail\">").count(), 3 * 2);
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}

/// Names and texts of all elements, by a parser that refuses what is not well-formed.
fn elements(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Eof => return found,
            Event::Start(element) | Event::Empty(element) => {
                let attributes = element.attributes().map(|it| {
                    let it = it.expect("an attribute");
                    let value = it.normalized_value(quick_xml::XmlVersion::Implicit1_0).expect("text");
                    (it.key.as_ref().to_owned(), value.into_owned())
                });
                found.push((element.name().as_ref().to_owned(), attributes.collect()));
            }
            _ => {}
        }
    }
}

#[test]
fn junit_has_one_case_for_the_verdict_each_check_and_each_probe() {
    let drill = drill();
    let (xml, digest) = seen(&drill, |seen| (junit::junit(seen).expect("formats"), seen.digest.to_string()));
    assert!(xml.contains(&digest));
    let elements = elements(&xml);
    let count = |name: &str| elements.iter().filter(|(element, _)| element == name).count();
    assert_eq!(count("testcase"), 1 + 5 + 2);
    let (_, suite) = elements.iter().find(|(name, _)| name == "testsuite").expect("a suite");
    let told = |name: &str| suite.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    assert_eq!(told("tests").as_deref(), Some("8"));
    for (attribute, element) in [("failures", "failure"), ("errors", "error"), ("skipped", "skipped")] {
        assert_eq!(told(attribute), Some(count(element).to_string()), "{attribute}");
    }
    assert!(xml.chars().all(|c| !c.is_control() || c == '\n'), "no character that XML can't hold");
    assert!(!xml.contains('\u{fffe}'));
}

#[test]
fn a_drill_that_proved_nothing_is_an_error_in_junit() {
    let mut drill = Drill::begin("documents", &"usb".parse().expect("a name"), Time::from_seconds(0));
    drill.leave("the drive is not there".to_owned());
    let xml = seen(&drill, |seen| junit::junit(seen).expect("formats"));
    assert!(xml.contains("<error message=\"incomplete"), "{xml}");
    assert!(xml.contains("the drive is not there"), "{xml}");
}
