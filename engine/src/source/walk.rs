//! One walk over folders: depth first, each folder's names sorted, never the tree in memory.
//!
//! Every look goes through the descriptor of an open folder and takes one name, so a folder that is swapped for a link
//! meanwhile is noticed, not followed. In memory: for each folder on the way down, its names; the first names of inodes
//! that have several.

use std::ffi::{CStr, CString};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::exclude::Asked;
use super::folders::{FileSystems, Folders};
use super::item::FolderItem;
use super::links::FirstNames;
use super::marker;
use super::names::Names;
use super::own;
use super::roots::RootNode;
use super::snapshots::{Snapshots, is_snapshot};
use super::view::{View, is_placeholder};
use super::{LeftOut, Verdict, Visitor, Walked};
use crate::model::{EntryPath, Problem, reason};
use crate::platform::{self, FileKind, Folder, Links, Stat};

/// Folders kept open below the one at hand; those further up are opened again when the walk comes back to them.
const OPEN_MAX: usize = 200;
/// So many names that vanished are looked for once more.
const VANISHED_MAX: usize = 1000;
/// How often a name that changes under the look is looked at.
const LOOKS: usize = 3;

/// A folder on the way down.
struct Frame<'a> {
    /// None while it is too far up to be kept open.
    folder: Option<View>,
    stat: Stat,
    /// How much of the path is its own.
    path_bytes: usize,
    names: Names,
    next: usize,
    /// Names that were not there any more when they were looked at, [`VANISHED_MAX`] of them at most.
    vanished: Vec<CString>,
    /// Where it stands in the tree of roots, if it leads to one.
    node: Option<&'a RootNode>,
    /// The file system of the root it belongs to; none above the roots, where nothing is listed.
    device: Option<u64>,
}

impl Frame<'_> {
    fn is_live(&self) -> bool {
        self.folder.as_ref().is_none_or(View::is_live)
    }
}

/// What one name is, and what the configuration says of it.
#[derive(Clone, Copy)]
struct Place<'a, 'n> {
    name: &'n CStr,
    node: Option<&'a RootNode>,
    /// As for [`Frame`], of the name itself.
    device: Option<u64>,
}

impl Place<'_, '_> {
    fn is_root(&self) -> bool {
        self.node.is_some_and(|node| node.is_root)
    }
}

/// Did a name hold still while it was looked at?
enum Looked {
    Done(ControlFlow<()>),
    Changed,
}

pub(super) struct Walk<'a, 'v> {
    source: &'a Folders,
    snapshots: &'v mut Snapshots,
    visitor: &'v mut dyn Visitor,
    own: Vec<own::Id>,
    path: Vec<u8>,
    first_names: FirstNames,
    frames: Vec<Frame<'a>>,
}

impl<'a, 'v> Walk<'a, 'v> {
    pub(super) fn new(source: &'a Folders, snapshots: &'v mut Snapshots, visitor: &'v mut dyn Visitor) -> Self {
        let own = own::ids(&source.own, &source.root_paths);
        let first_names = FirstNames::default();
        Self { source, snapshots, visitor, own, path: Vec::new(), first_names, frames: Vec::new() }
    }

    pub(super) fn run(mut self) -> ControlFlow<()> {
        let top = Folder::open(Path::new("/")).and_then(|top| Ok((top.stat()?, top)));
        match top {
            Ok((stat, top)) => {
                let roots = &self.source.roots;
                let top = if roots.is_root { self.in_snapshot(top) } else { View::live(top) };
                self.push(top, stat, Some(roots), roots.is_root.then_some(stat.device));
            }
            Err(error) => self.problem(&error),
        }
        while let Some(depth) = self.frames.len().checked_sub(1) {
            self.step(depth)?;
        }
        ControlFlow::Continue(())
    }

    /// Looks at the next name of the lowest folder, or leaves that folder.
    fn step(&mut self, depth: usize) -> ControlFlow<()> {
        let frame = &mut self.frames[depth];
        // Lent out, so that a name in it stays valid while the walk is changed.
        let names = std::mem::take(&mut frame.names);
        let Some(name) = names.get(frame.next) else {
            self.tell_contradictions(depth);
            self.leave();
            return ControlFlow::Continue(());
        };
        frame.next += 1;
        self.path.truncate(frame.path_bytes);
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name.to_bytes());
        let flow = self.look(depth, name);
        self.frames[depth].names = names;
        flow
    }

    fn look(&mut self, depth: usize, name: &CStr) -> ControlFlow<()> {
        for _ in 0..LOOKS {
            if let Looked::Done(flow) = self.look_once(depth, name) {
                return flow;
            }
        }
        self.problem(&io::Error::other("it keeps changing while it is looked at"));
        ControlFlow::Continue(())
    }

    fn look_once(&mut self, depth: usize, name: &CStr) -> Looked {
        let frame = &self.frames[depth];
        let node = frame.node.and_then(|node| node.below.get(name));
        let links = links_of(node);
        let Some(folder) = &frame.folder else { return Looked::Changed };
        let stat = match folder.stat_of(name, links) {
            Ok(stat) => stat,
            // It went since its name was read; a configured one must be there.
            Err(error) if node.is_none() && error.kind() == io::ErrorKind::NotFound => {
                let vanished = &mut self.frames[depth].vanished;
                if vanished.len() < VANISHED_MAX {
                    vanished.push(name.to_owned());
                }
                return done();
            }
            Err(error) => {
                self.problem(&error);
                return done();
            }
        };
        let device = if node.is_some_and(|node| node.is_root) { Some(stat.device) } else { frame.device };
        let place = Place { name, node, device };
        if let Some(why) = self.left_out(place, &stat) {
            self.tell_left_out(why);
            if node.is_some() {
                self.tell(
                    "it is the engine's own folder, so nothing of what is configured here is protected".to_owned(),
                );
            }
            return done();
        }
        let looked = match stat.kind {
            FileKind::Folder => self.enter(depth, place, stat),
            _ => Looked::Done(self.show_other(depth, place, stat)),
        };
        if matches!(looked, Looked::Done(_)) {
            self.tell_overruled(place, &stat);
        }
        looked
    }

    fn left_out(&self, place: Place<'_, '_>, stat: &Stat) -> Option<LeftOut> {
        let is_folder = stat.kind == FileKind::Folder;
        if is_folder && (self.own.contains(&(stat.device, stat.inode)) || is_snapshot(place.name, stat)) {
            return Some(LeftOut::OwnFolder);
        }
        // What is configured by name is never excluded by pattern.
        (place.node.is_none() && self.is_excluded(stat)).then_some(LeftOut::Excluded)
    }

    fn is_excluded(&self, stat: &Stat) -> bool {
        let asked = if stat.kind == FileKind::Folder { Asked::Folder } else { Asked::Other };
        self.source.excludes.leave_out(&self.path, asked)
    }

    /// The configuration names it: what else speaks against it counts for what is below it only.
    fn tell_overruled(&mut self, place: Place<'_, '_>, stat: &Stat) {
        if place.node.is_some_and(|node| node.is_root) && self.is_excluded(stat) {
            self.warn("a pattern of `exclude` fits this folder itself; it is in the point, for `folders` names it");
        }
    }

    /// Anything but a folder.
    fn show_other(&mut self, depth: usize, place: Place<'_, '_>, stat: Stat) -> ControlFlow<()> {
        if place.node.is_some_and(|node| !node.below.is_empty()) {
            self.problem(&io::Error::other("it is not a folder, and a configured folder lies below it"));
        }
        if place.device.is_none() {
            return ControlFlow::Continue(());
        }
        let first_name = if stat.links > 1 { self.first_names.look_up(&stat) } else { None };
        let is_first = first_name.is_none();
        let snapshot = if place.is_root() { self.file_in_snapshot(depth, place, &stat) } else { None };
        let shown = match snapshot {
            Some((within, stat)) => self.show_within(&within, place, stat, first_name),
            None => self.show(depth, place, stat, first_name),
        };
        match shown {
            Some((Verdict::Stop, _)) => return ControlFlow::Break(()),
            Some((Verdict::Kept, path)) if is_first && stat.links > 1 => self.first_names.remember(&stat, path),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// A folder: opened before it is shown, listed after.
    fn enter(&mut self, depth: usize, place: Place<'a, '_>, mut stat: Stat) -> Looked {
        let is_elsewhere =
            self.source.file_systems == FileSystems::One && place.device.is_some_and(|device| device != stat.device);
        let opened = match self.open_folder(depth, place, is_elsewhere) {
            Ok(opened) if opened.stat().is_ok_and(|now| now.is_same_inode(&stat)) => {
                if place.is_root() && opened.is_live() && !is_elsewhere {
                    let root = self.root_in_snapshot(opened);
                    // Of the same moment as what is in it.
                    stat = root.stat().unwrap_or(stat);
                    Some(root)
                } else {
                    Some(opened)
                }
            }
            Ok(_) => return Looked::Changed,
            Err(error) if platform::is_loop(&error) => return Looked::Changed,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Looked::Changed;
            }
            Err(error) => {
                self.problem(&error);
                None
            }
        };
        if let Some((Verdict::Stop, _)) = self.show(depth, place, stat, None) {
            return Looked::Done(ControlFlow::Break(()));
        }
        if is_placeholder(&stat) && opened.as_ref().is_some_and(|opened| !opened.is_live()) {
            self.warn("the subvolume that stood here was removed while the point was made, and is not in it");
        }
        let device = place.device.filter(|_| !is_elsewhere);
        if is_elsewhere {
            self.tell_left_out(LeftOut::OtherFileSystem);
        }
        if let Some(folder) = opened {
            self.push(folder, stat, place.node, device);
        }
        done()
    }

    /// A root as a snapshot holds it, where there are snapshots.
    fn in_snapshot(&mut self, root: Folder) -> View {
        let (view, warning) = self.snapshots.view(root);
        if let Some(warning) = warning {
            self.warn(&warning);
        }
        view
    }

    fn root_in_snapshot(&mut self, root: View) -> View {
        match root.into_live() {
            Ok(live) => self.in_snapshot(live),
            Err(view) => view,
        }
    }

    /// A root that is a file itself.
    fn file_in_snapshot(&mut self, depth: usize, place: Place<'_, '_>, stat: &Stat) -> Option<(View, Stat)> {
        let above = self.frames[depth].folder.as_ref().filter(|above| above.is_live())?;
        let above = above.passage(c".", Links::Kept).ok()?.into_live().ok()?;
        let within = self.in_snapshot(above);
        let held = within.stat_of(place.name, Links::Kept).ok()?;
        // A link leads where it leads, in a snapshot or not.
        (!within.is_live() && held.is_same_inode(stat)).then_some((within, held))
    }

    fn open_folder(&mut self, depth: usize, place: Place<'_, '_>, is_elsewhere: bool) -> io::Result<View> {
        let Some(within) = &self.frames[depth].folder else { return Err(io::ErrorKind::NotFound.into()) };
        let links = links_of(place.node);
        if place.device.is_none() || is_elsewhere {
            return within.passage(place.name, links);
        }
        match within.child(place.name, links) {
            // Not to be listed, but a configured folder may lie below it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && place.node.is_some() => {
                let passage = within.passage(place.name, links)?;
                self.problem(&error);
                Ok(passage)
            }
            answer => answer,
        }
    }

    fn show(
        &mut self,
        depth: usize,
        place: Place<'_, '_>,
        stat: Stat,
        first_name: Option<EntryPath>,
    ) -> Option<(Verdict, EntryPath)> {
        let within = self.frames[depth].folder.take()?;
        let shown = self.show_within(&within, place, stat, first_name);
        self.frames[depth].folder = Some(within);
        shown
    }

    fn show_within(
        &mut self,
        within: &View,
        place: Place<'_, '_>,
        stat: Stat,
        first_name: Option<EntryPath>,
    ) -> Option<(Verdict, EntryPath)> {
        let path = EntryPath::parse(&self.path).inspect_err(|e| self.tell(e.to_string())).ok()?;
        let mut item = FolderItem { within, name: place.name, links: links_of(place.node) };
        let walked = Walked { path, stat, first_name };
        Some((self.visitor.entry(&walked, &mut item), walked.path))
    }

    /// Goes down into an open folder; `device` is none if it is not to be listed.
    fn push(&mut self, folder: View, stat: Stat, node: Option<&'a RootNode>, device: Option<u64>) {
        let is_root = node.is_some_and(|node| node.is_root);
        let mut names = if device.is_some() { self.list(&folder) } else { Names::default() };
        if let Some((marker, why)) = marker::find(&folder, &names) {
            if is_root {
                let marker = marker.to_string_lossy();
                self.warn(&format!("it holds `{marker}`, which is not heeded here, for `folders` names this folder"));
            } else {
                self.tell_left_out(why);
                names = Names::only(marker);
            }
        }
        for name in node.iter().flat_map(|node| node.below.keys()) {
            // Only fails for names beyond 4 GiB, of which there was a word before.
            let _ = names.push(name);
        }
        names.sort();
        let path_bytes = self.path.len();
        self.frames.push(Frame {
            folder: Some(folder),
            stat,
            path_bytes,
            names,
            next: 0,
            vanished: Vec::new(),
            node,
            device,
        });
        if let Some(far) = self.frames.len().checked_sub(OPEN_MAX)
            && self.frames[far].node.is_none()
            && self.frames[far].is_live() == self.frames[far + 1].is_live()
        {
            self.frames[far].folder = None;
        }
    }

    /// The sorted names of a folder.
    fn list(&mut self, folder: &View) -> Names {
        let (names, listed) = names_of(folder);
        if let Err(error) = listed {
            self.tell(format!("not all of the folder could be listed: {}", reason(&error)));
        }
        names
    }

    /// Names that could not be found, and that the folder lists still: no file system of sound mind does that, and what
    /// they stand for is in no point.
    fn tell_contradictions(&mut self, depth: usize) {
        let frame = &mut self.frames[depth];
        let vanished = std::mem::take(&mut frame.vanished);
        let (Some(folder), false) = (&frame.folder, vanished.is_empty()) else { return };
        let Ok(listed) = folder.child(c".", Links::Kept).map(|again| names_of(&again).0) else { return };
        let missing = |name: &CString| {
            listed.contains(name)
                && folder.stat_of(name, Links::Kept).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let missing: Vec<CString> = vanished.into_iter().filter(missing).collect();
        for name in missing {
            self.path.truncate(self.frames[depth].path_bytes);
            self.path.push(b'/');
            self.path.extend_from_slice(name.to_bytes());
            self.tell("its folder lists it, and it can't be found there".to_owned());
        }
    }

    /// Goes back up; a folder that was closed is opened again, if it is still the one above.
    fn leave(&mut self) {
        let left = self.frames.pop();
        let Some(frame) = self.frames.last_mut() else { return };
        if frame.folder.is_some() {
            return;
        }
        let above = left.and_then(|left| left.folder).map(|folder| folder.parent());
        let same = |folder: &View| folder.stat().is_ok_and(|now| now.is_same_inode(&frame.stat));
        frame.folder = above.and_then(Result::ok).filter(same);
        if frame.folder.is_none() {
            frame.next = usize::MAX;
            self.path.truncate(frame.path_bytes);
            self.tell("it was moved while it was read: the rest of it is missing".to_owned());
        }
    }

    fn problem(&mut self, error: &io::Error) {
        self.tell(reason(error));
    }

    fn tell(&mut self, problem: String) {
        self.visitor.problem(Problem::new(&self.path, problem));
    }

    fn warn(&mut self, warning: &str) {
        self.visitor.warning(Problem::new(&self.path, warning));
    }

    fn tell_left_out(&mut self, why: LeftOut) {
        if let Ok(path) = EntryPath::parse(&self.path) {
            self.visitor.left_out(&path, why);
        }
    }
}

/// The sorted names of a folder, and whether those are all.
fn names_of(folder: &View) -> (Names, io::Result<()>) {
    let mut names = Names::default();
    let mut full = Ok(());
    let listed = folder.each_name(&mut |name| {
        if full.is_ok() {
            full = names.push(name);
        }
    });
    names.sort();
    (names, listed.and(full))
}

const fn done() -> Looked {
    Looked::Done(ControlFlow::Continue(()))
}

/// Links are followed where a person named them.
fn links_of(node: Option<&RootNode>) -> Links {
    if node.is_some() { Links::Followed } else { Links::Kept }
}
