//! The tower layers of our own: one policy in each file.

mod deadline;
mod failover;
mod in_flight;
mod record;

pub(super) use deadline::DeadlineLayer;
pub(super) use failover::Failover;
pub(super) use in_flight::InFlightLayer;
pub(super) use record::RecordLayer;
