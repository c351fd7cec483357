//! What most commands open first: the configuration, and the installation that it describes.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Call, Exit, Failure, Manner, Wait};
use crate::catalog::locks::{LockError, LockName, Wait as LockWait, Waiting, WorkLock, is_held};
use crate::config::{Config, Job, LoadError, find, load};
use crate::destination::WriteStore;
use crate::installation::{Installation, InstallationError, patient};
use crate::model::{DestinationName, JobName, chain};

/// A call and the installation it is for.
pub struct Context {
    /// The call.
    pub call: Call,
    /// The installation.
    pub installation: Installation,
    /// May its work be felt?
    manner: Manner,
}

/// Finds and reads the configuration.
///
/// # Errors
/// Exit 2 with every error and its place.
pub(super) fn configuration(call: &Call) -> Result<Config, Failure> {
    let file = find(call.config.as_deref()).map_err(|error| wrong_configuration(&error))?;
    load(&file).map_err(|error| wrong_configuration(&error))
}

pub(super) fn wrong_configuration(error: &LoadError) -> Failure {
    let advice = match error {
        LoadError::NotFound(_) => "`engine init` writes a starter to begin with",
        LoadError::Read { .. } => "check the path and its permissions",
        LoadError::Wrong(_) | LoadError::Unfinished(_) => "correct the configuration; nothing was done",
    };
    Failure::usage("the configuration can't be used", chain(error), advice)
}

impl From<InstallationError> for Failure {
    fn from(error: InstallationError) -> Self {
        let exit = match &error {
            InstallationError::NoDestination { name, all } => {
                let there =
                    if all.is_empty() { "there is none".into() } else { format!("there are: {}", all.join(", ")) };
                return Self::usage(format!("there is no destination `{name}`"), there, error.advice());
            }
            _ => Exit::Failed,
        };
        Self::of("the installation can't be opened", &error, error.advice()).with_exit(exit)
    }
}

impl From<crate::catalog::CatalogError> for Failure {
    fn from(error: crate::catalog::CatalogError) -> Self {
        InstallationError::from(error).into()
    }
}

/// Takes a work lock of a state folder; says so where it has to wait.
///
/// # Errors
/// Exit 1 with `--no-wait`, or if told to stop.
pub(super) fn work_lock(call: &Call, folder: &Path, name: &LockName, what: &str) -> Result<WorkLock, Failure> {
    acquire(call, folder, name, what).map_err(|error| lock_failure(&error, what))
}

fn acquire(call: &Call, folder: &Path, name: &LockName, what: &str) -> Result<WorkLock, LockError> {
    let mut told = false;
    let mut on_wait = |waiting: &Waiting| {
        if !told {
            told = true;
            let by = waiting.holder.map_or_else(String::new, |pid| format!(" (process {pid})"));
            call.voice.warn(&format!("waiting for another engine{by} that is at work on {what}"));
        }
        if (call.stop)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let wait = match call.wait {
        Wait::Yes => LockWait::Yes(&mut on_wait),
        Wait::No => LockWait::No,
    };
    WorkLock::acquire(folder, name, wait)
}

/// A lock that was not had, as a command tells it.
pub(super) fn lock_failure(error: &LockError, what: &str) -> Failure {
    let advice = match error {
        LockError::Held { .. } => "wait until it has finished, or leave out --no-wait",
        LockError::Io { .. } => "check the state folder and its permissions",
    };
    Failure::of(format!("can't begin work on {what}"), error, advice)
}

impl Context {
    /// Opens the installation of a call. Reservations whose process is gone are dropped on the way.
    ///
    /// # Errors
    /// Exit 2 for the configuration, 1 for the rest.
    pub fn open(call: &Call) -> Result<Arc<Self>, Failure> {
        Self::open_for(call, Manner::Foreground)
    }

    /// The same, for work in the background too.
    ///
    /// # Errors
    /// As [`Context::open`].
    pub(super) fn open_for(call: &Call, manner: Manner) -> Result<Arc<Self>, Failure> {
        let config = configuration(call)?;
        let voice = Arc::clone(&call.voice);
        let installation = Installation::open(config, Arc::new(move |text: &str| voice.warn(text)))?;
        let context = Self { call: call.clone(), installation, manner };
        let locks = context.locks();
        context.installation.catalog.drop_stale(&|name| is_held(&locks, name))?;
        Ok(Arc::new(context))
    }

    /// In the background, this thread and those that it starts take only what nobody else wants. A system that refuses
    /// is a normal one.
    pub(super) fn be_quiet(&self) {
        if self.manner == Manner::Background {
            let _refused = crate::platform::be_quiet();
        }
    }

    /// Tells what of the configuration works otherwise than it reads, and which secrets others can read.
    pub(super) fn tell_notes(&self) {
        let config = &self.installation.config;
        config.notes().into_iter().chain(config.secret_notes()).for_each(|note| self.call.voice.warn(&note));
    }

    /// The store of a destination, asked again where it is a server and may work a little later.
    pub(super) fn patient(&self, name: &DestinationName, store: Arc<dyn WriteStore>) -> Arc<dyn WriteStore> {
        match self.installation.config.destination(name) {
            Some(destination) => patient(&destination.place, store, &self.call.clock, &self.call.entropy),
            None => store,
        }
    }

    /// The folder of work locks.
    pub(super) fn locks(&self) -> PathBuf {
        self.installation.config.state.join("locks")
    }

    /// Takes a work lock; says so where it has to wait.
    ///
    /// # Errors
    /// Exit 1 with `--no-wait`, or if told to stop.
    pub(super) fn lock(&self, name: &LockName, what: &str) -> Result<WorkLock, Failure> {
        work_lock(&self.call, &self.locks(), name, what)
    }

    /// The same, for who tells a lock that another one has from one that can't be used.
    ///
    /// # Errors
    /// As [`WorkLock::acquire`].
    pub(super) fn try_lock(&self, name: &LockName, what: &str) -> Result<WorkLock, LockError> {
        acquire(&self.call, &self.locks(), name, what)
    }

    /// The jobs that were named, each once; all if none was.
    ///
    /// # Errors
    /// Exit 2 for a name that the configuration does not have.
    pub(super) fn jobs(&self, names: &[JobName]) -> Result<Vec<&Job>, Failure> {
        let config = &self.installation.config;
        if names.is_empty() {
            return Ok(config.jobs.iter().collect());
        }
        let known: Vec<String> = config.jobs.iter().map(|job| job.name.to_string()).collect();
        let missing = |name: &JobName| {
            let why =
                if known.is_empty() { "there is none".to_owned() } else { format!("there are: {}", known.join(", ")) };
            Failure::usage(format!("there is no job `{name}`"), why, "name one of those, or add [job.NAME]")
        };
        let mut jobs: Vec<&Job> = Vec::new();
        for name in names {
            let job = config.job(name).ok_or_else(|| missing(name))?;
            if !jobs.iter().any(|known| known.name == job.name) {
                jobs.push(job);
            }
        }
        Ok(jobs)
    }

    /// Random bytes.
    ///
    /// # Errors
    /// If the system has none.
    pub(super) fn random<const N: usize>(&self) -> Result<[u8; N], Failure> {
        let mut bytes = [0; N];
        self.call
            .entropy
            .fill(&mut bytes)
            .map_err(|error| Failure::new("no random bytes from the system", error.to_string(), ""))?;
        Ok(bytes)
    }
}
