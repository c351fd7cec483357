//! Trying out what the server can do, beside the first object.
//!
//! In: a place. Out: its `Offer`, as soon as it is known, to whoever needs it.
//! Invariants: of many writers one tries; what it wrote for that is deleted before its own object is finished or refused.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::failure::Failure;
use super::link::Link;
use super::offer::{Offer, tried};
use crate::destination::runtime::both;

/// What a writer knows of its server.
pub(super) enum Server {
    /// It is being tried out.
    Tried(JoinHandle<Tried>),
    /// It is known; files of the trial may still be on their way out.
    Known(Offer, Option<JoinHandle<()>>),
    /// It can't be found out; who asked was told why.
    Failed,
}

/// What was tried out, and the deletion of what that left.
type Tried = (Result<Offer, Failure>, Option<JoinHandle<()>>);

impl Server {
    /// Begins to try it out, unless that was done, or is being done: then this waits for what comes of it.
    pub fn begin(link: &Arc<Link>) -> Self {
        match link.offer.get() {
            Some(offer) => Self::Known(*offer, None),
            None => Self::Tried(tokio::spawn(try_out(Arc::clone(link)))),
        }
    }

    /// Waits until it is known.
    pub async fn known(&mut self) -> Result<Offer, Failure> {
        if let Self::Tried(trial) = self {
            let over = trial.await.unwrap_or_else(|error| (Err(Failure::Broken(error.to_string())), None));
            match over {
                (Ok(offer), clearing) => *self = Self::Known(offer, clearing),
                (Err(failure), clearing) => {
                    *self = Self::Failed;
                    ended(clearing).await;
                    return Err(failure);
                }
            }
        }
        match self {
            Self::Known(offer, _) => Ok(*offer),
            _ => Err(Failure::Broken("what the server can do was not found out".to_owned())),
        }
    }

    /// What is known by now.
    pub async fn by_now(&mut self) -> Result<Option<Offer>, Failure> {
        match self {
            Self::Tried(trial) if !trial.is_finished() => Ok(None),
            server => server.known().await.map(Some),
        }
    }

    /// Nothing of a trial is under way any more, or left.
    pub async fn settle(&mut self) {
        // What it found was told to who needed it.
        let _ = self.known().await;
        if let Self::Known(_, clearing) = self {
            ended(clearing.take()).await;
        }
    }
}

async fn ended(clearing: Option<JoinHandle<()>>) {
    if let Some(clearing) = clearing {
        // What stays goes with the other temporary files.
        let _ = clearing.await;
    }
}

async fn try_out(link: Arc<Link>) -> Tried {
    let mut left = None;
    let first = async || {
        let name = link.own_name(link.root())?;
        let files = ["1", "2", "3", "4"].map(|number| format!("{name}-{number}"));
        let offer = tried(&link, &files, &format!("{name}-5")).await;
        left = Some(files);
        offer
    };
    let offer = link.offer.get_or_try_init(first).await.copied();
    let clearing = left.map(|files| tokio::spawn(clear(Arc::clone(&link), files)));
    (offer, clearing)
}

async fn clear(link: Arc<Link>, [one, two, three, four]: [String; 4]) {
    let first = both(link.remove(&one), link.remove(&two));
    let _ = both(first, both(link.remove(&three), link.remove(&four))).await;
}
