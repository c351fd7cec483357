//! Names that rows refer to by id.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, PointRow};
use crate::command::Failure;
use crate::model::{JobId, JobName, PointId, PointOrder};

/// All jobs and points ever, by what rows call them.
pub(super) struct Names {
    jobs: BTreeMap<JobId, JobName>,
    points: BTreeMap<PointOrder, PointRow>,
}

impl Names {
    pub fn of(catalog: &Catalog) -> Result<Self, Failure> {
        let jobs = catalog.jobs()?.into_iter().map(|job| (job.id, job.name)).collect();
        let points = catalog.points()?.into_iter().map(|point| (point.order, point)).collect();
        Ok(Self { jobs, points })
    }

    /// A job's name.
    pub fn job(&self, id: JobId) -> Result<JobName, Failure> {
        let advice = "run `engine catalog rebuild`";
        let missing =
            || Failure::new("the catalog is damaged", format!("a point names the job {id}, which it has not"), advice);
        self.jobs.get(&id).cloned().ok_or_else(missing)
    }

    /// A point's row.
    pub fn point(&self, order: PointOrder) -> Option<&PointRow> {
        self.points.get(&order)
    }

    /// A point's id.
    pub fn id(&self, order: PointOrder) -> Option<PointId> {
        self.point(order).map(|point| point.id)
    }

    /// All points, oldest first.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = &PointRow> {
        self.points.values()
    }
}
