//! What should lie at a destination: by the word of its newest head, of heads elsewhere, and of the catalog where it knows
//! the place.
//!
//! In: a survey, heads of other media, the catalog. Out: points that are lost if they are not there. Invariant: it only
//! ever adds points to what is listed; a drill gets no easier by it. The catalog's word about a point it knows there
//! counts before a head's: it is the newer one.

use engine::catalog::Catalog;
use engine::format::Head;
use engine::model::VaultId;
use engine::vault::{FoundHead, newest_told};

use crate::choose::{Chosen, ExpectedPoint, Presence};
use crate::local;
use crate::survey::Survey;

/// What is known beside the list of what lies there.
#[derive(Clone, Copy)]
pub struct Expectation<'e> {
    /// The destination.
    pub survey: &'e Survey,
    /// Heads of other media.
    pub elsewhere: &'e [Head],
    /// The catalog, if there is one: it knows this medium as one of this destination.
    pub catalog: Option<&'e Catalog>,
}

/// Points that should lie there, and why the catalog could not be asked, if it could not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// In no order; one may be named twice.
    pub points: Vec<ExpectedPoint>,
    /// For people.
    pub unasked: Option<String>,
}

impl Expectation<'_> {
    /// As these heads, which lie there, and all else say.
    #[must_use]
    pub fn told(&self, heads: &[FoundHead]) -> Told {
        let vault = self.survey.vault();
        let mut told = match self.catalog.map(|catalog| local::points_at(catalog, vault)) {
            None => Told::default(),
            Some(Ok(points)) => Told { points, unasked: None },
            Some(Err(why)) => Told { points: Vec::new(), unasked: Some(why) },
        };
        for newest in newest_told(vault, heads, self.elsewhere) {
            if !self.catalog_knows(vault, newest.point.id) {
                let name = self.survey.names.get(&newest.job).cloned();
                told.points.push(ExpectedPoint { job: newest.job, name, point: newest.point });
            }
        }
        told
    }

    /// Should this point be there? Where the catalog can't be asked, one that was expected still is.
    #[must_use]
    pub fn holds(&self, chosen: &Chosen, heads: &[FoundHead]) -> bool {
        let Told { points, unasked } = self.told(heads);
        let named = points.iter().any(|wanted| (wanted.point, wanted.job) == (chosen.point, chosen.job));
        named || (unasked.is_some() && chosen.presence == Presence::NotListed)
    }

    fn catalog_knows(&self, vault: VaultId, point: engine::model::PointId) -> bool {
        self.catalog.is_some_and(|catalog| local::is_placed(catalog, vault, point))
    }
}
