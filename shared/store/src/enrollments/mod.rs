//! Enrollments: who runs through a campaign. Whoever steps one locks it first, and a step and its effects commit together.

mod bulk_enroll;
mod end_enrollment;
mod enroll_contacts;
mod find_enrollment;
mod keep_steps;
mod lock_enrollments;
mod merge_contacts;
mod merge_data;
mod new_enrollment;
mod step_write;
mod timeline;

pub use bulk_enroll::{BulkChunk, BulkView, ChunkAnswer};
pub use end_enrollment::{EndAnswer, UnsubscribeFacts};
pub use enroll_contacts::{NotEnrolled, TEST_PACE};
pub use find_enrollment::EnrollmentView;
pub use keep_steps::Kept;
pub use lock_enrollments::LockedEnrollment;
pub use merge_data::UNSUBSCRIBE_TOKEN;
pub use new_enrollment::{EnrollAnswer, NewEnrollment};
pub use step_write::{Cause, CauseKind, StepWrite};
pub use timeline::TimelineRow;

pub(crate) use enroll_contacts::enroll;
pub(crate) use keep_steps::{in_lock_order, keep};
pub(crate) use lock_enrollments::lock;

use sqlx::PgPool;

use crate::plans::{PlanCache, Plans};

pub struct Enrollments<'a> {
    pub(crate) pool: &'a PgPool,
    pub(crate) cache: &'a PlanCache,
}

impl<'a> Enrollments<'a> {
    pub(crate) fn plans(&self) -> Plans<'a> {
        Plans { pool: self.pool, cache: self.cache }
    }
}
