//! Points at home that borrow from media offsite: every rule of the design over random worlds of that kind.

use std::collections::BTreeSet;

use super::home::{OTHERWISE, home_world, states_of};
use super::judged::{copy, sound, usb};
use super::oracle::{HOME_RULES, RULES, Rule, Story, founded};
use super::worlds::{HOME, World, order, vault};
use crate::model::{PointOrder, State as PlacementState, VaultId};
use crate::plan::{
    AtHome, Broken, Layout, Medium, PackNumber, PackThere, Plan, State, Step, WaitReason, check, propose, render,
};

/// Points whose packs lie offsite too, and that nobody else at home needs, borrow what they can.
fn lend(state: &mut State) {
    let orders: Vec<_> = state.points.keys().copied().collect();
    for at in orders {
        let (point, home) = (&state.points[&at], &state.media[&HOME]);
        let chained = point.base.is_some() || state.points.values().any(|other| other.base == Some(at));
        let whole = matches!(home.state_of(at), PlacementState::Present | PlacementState::Complete);
        let passes = state.jobs[&point.job].at_home == AtHome::Pass;
        if chained || !whole || !passes || home.removing.contains(&at) {
            continue;
        }
        let alone = |pack: &PackNumber| {
            let row = &state.packs[pack];
            let others =
                state.points.range(row.first..=row.last).filter(|(other, it)| **other != at && it.group == row.group);
            home.packs.contains_key(pack) && !others.into_iter().any(|(other, _)| home.holds(*other))
        };
        let lender = |medium: &Medium| {
            !medium.is_home() && !medium.retired && !medium.same_disk && medium.layout == Layout::Vault
        };
        let proved = |medium: &Medium, pack: &PackNumber| medium.packs.get(pack) == Some(&PackThere::Proved);
        let borrows = |medium: &Medium| -> BTreeSet<PackNumber> {
            point.packs.iter().copied().filter(|pack| alone(pack) && proved(medium, pack)).collect()
        };
        let lent = state.media.values().filter(|it| lender(it)).map(borrows).find(|packs| !packs.is_empty());
        let Some(lent) = lent else { continue };
        let has_all = |medium: &Medium| lender(medium) && lent.iter().all(|pack| proved(medium, pack));
        let lenders: Vec<VaultId> =
            state.media.iter().filter(|(_, medium)| has_all(medium)).map(|(id, _)| *id).collect();
        for id in &lenders {
            let needed = needed_without(state, *id, at);
            let medium = state.media.get_mut(id).expect("a lender");
            medium.reserved.extend(lent.iter().copied());
            // Mostly it is not there yet.
            if at.sequence % 3 > 0 && medium.state_of(at).is_there() && !medium.removing.contains(&at) {
                let point = &state.points[&at];
                let own = |pack: &&PackNumber| !lent.contains(pack) && !needed.contains(pack);
                let gone: Vec<_> = point.packs.iter().filter(own).filter(|it| medium.packs.contains_key(it)).collect();
                gone.iter().for_each(|pack| _ = medium.packs.remove(pack));
                medium.used -= point.manifest_bytes + gone.iter().map(|pack| state.packs[pack].bytes).sum::<u64>();
                medium.placements.remove(&at);
            }
        }
        let home = state.media.get_mut(&HOME).expect("home");
        home.used -= lent.iter().map(|pack| state.packs[pack].bytes).sum::<u64>();
        home.packs.retain(|pack, _| !lent.contains(pack));
        home.placements.get_mut(&at).expect("whole").state = PlacementState::Present;
        state.points.get_mut(&at).expect("known").lenders = lenders;
    }
}

/// Packs that another point there may need.
fn needed_without(state: &State, id: VaultId, at: PointOrder) -> BTreeSet<PackNumber> {
    let medium = &state.media[&id];
    let others = || state.points.iter().filter(|(other, _)| **other != at && medium.holds(**other));
    let needs = |pack: &crate::plan::Pack, (order, point): (&PointOrder, &crate::plan::Point)| {
        point.group == pack.group && (pack.first..=pack.last).contains(order)
    };
    state.packs.iter().filter(|(_, pack)| others().any(|it| needs(pack, it))).map(|(number, _)| *number).collect()
}

/// What is sent lies at one of the places that it comes from.
fn comes_from_where_it_lies(state: &State, plan: &Plan) -> Result<usize, String> {
    let mut applied = 0;
    for (id, steps) in &plan.media {
        for step in steps {
            let Step::Copy { point, sources, packs, .. } = step else { continue };
            if state.points[point].lenders.is_empty() || state.media[id].layout == Layout::Mirror {
                continue;
            }
            applied += 1;
            let lies = |pack: &PackNumber| sources.iter().any(|from| state.media[from].packs.contains_key(pack));
            if let Some(pack) = packs.iter().find(|pack| !lies(pack)) {
                return Err(format!("{point} at {id}: {pack:?} comes from nowhere"));
            }
        }
    }
    Ok(applied)
}

#[test]
fn every_rule_holds_where_points_borrow() {
    let (mut lent, mut copied) = (0, 0);
    for mut state in states_of(&home_world(), 1_600) {
        // A full home gives up whole points only, as in the worlds without loans.
        state.coming = None;
        lend(&mut state);
        lent += state.points.values().filter(|point| !point.lenders.is_empty()).count();
        let plan = propose(&state);
        let grounded = founded(state.clone());
        let story = Story::of(&grounded, &plan);
        let shown = |broken: &str| format!("{broken}\n{:?}{}", World(state.clone()), render(&state, &plan));
        copied += comes_from_where_it_lies(&state, &plan).unwrap_or_else(|broken| panic!("{}", shown(&broken)));
        let other = |(name, _): &&Rule| !OTHERWISE.contains(name);
        for (name, rule) in RULES.iter().filter(other).chain(HOME_RULES) {
            let _ = rule(&story).unwrap_or_else(|broken| panic!("{}", shown(&format!("{name}: {broken}"))));
        }
        let verdict = check(&state, plan.clone()).err().unwrap_or_default();
        let wrong = verdict.iter().find(|it| it.rule != Broken::PassedOver);
        assert_eq!(wrong, None, "{}", shown("the judge"));
    }
    assert!(lent > 200 && copied > 20, "{lent} borrowed, {copied} were copied");
}

fn borrowing(lenders: &[VaultId]) -> State {
    let mut state = sound();
    state.points.get_mut(&order(4)).expect("4").lenders = lenders.to_vec();
    state
}

fn copies_at(plan: &Plan, id: VaultId) -> Vec<(PointOrder, Vec<VaultId>)> {
    let copied = |step: &Step| match step {
        Step::Copy { point, sources, .. } => Some((*point, sources.clone())),
        _ => None,
    };
    plan.media.get(&id).into_iter().flatten().filter_map(copied).collect()
}

#[test]
fn home_gives_what_it_borrows_to_its_lenders_only() {
    let usb_lends = borrowing(&[vault(0)]);
    assert!(copies_at(&propose(&usb_lends), vault(0)).contains(&(order(4), vec![HOME])));
    let plan = propose(&borrowing(&[vault(1)]));
    assert!(copies_at(&plan, vault(0)).iter().all(|(point, _)| *point != order(4)), "it waits for what office gets");
    let waits = plan.waiting.iter().any(|it| it.medium == vault(0) && it.reason == WaitReason::SourceAway);
    assert!(waits, "{:?}", plan.waiting);
}

#[test]
fn the_judge_refuses_a_copy_of_what_home_has_not_got() {
    let judged = |state: &State| {
        let media = [(vault(0), vec![copy(4)])].into();
        check(state, Plan { generation: state.generation, media, ..Plan::default() }).err().unwrap_or_default()
    };
    assert!(judged(&borrowing(&[vault(1)])).iter().any(|it| it.rule == Broken::NoSource));
    assert!(!judged(&borrowing(&[vault(0)])).iter().any(|it| it.rule == Broken::NoSource));
    let mut reserved = borrowing(&[vault(0)]);
    usb(&mut reserved).reserved.insert(PackNumber(1));
    let evict = super::judged::evict(1);
    let media = [(vault(0), vec![evict])].into();
    let plan = Plan { generation: reserved.generation, media, ..Plan::default() };
    let found = check(&reserved, plan).err().unwrap_or_default();
    assert!(found.iter().any(|it| it.rule == Broken::PackNeeded(PackNumber(1))), "{found:?}");
}
