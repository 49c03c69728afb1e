//! Errors in the words and with the codes of a Qdrant server.

use std::fmt::Display;

use qdrant_edge::OperationError;
use tonic::Status;

pub(super) fn bad_input(problem: impl Display) -> Status {
    Status::invalid_argument(format!("Wrong input: {problem}"))
}

pub(super) fn bad_request(problem: impl Display) -> Status {
    Status::invalid_argument(format!("Bad request: {problem}"))
}

pub(super) fn not_found(what: impl Display) -> Status {
    Status::not_found(format!("Not found: {what}"))
}

pub(super) fn no_collection(name: &str) -> Status {
    not_found(format!("Collection `{name}` doesn't exist!"))
}

/// A value that the protocol's own checks refuse.
pub(super) fn too_small(field: &str) -> Status {
    Status::invalid_argument(format!(
        "Validation error in body: [{field}: value 0 invalid, must be 1 or larger]"
    ))
}

/// What a real server serves and this one doesn't.
pub(super) fn unserved(what: impl Display) -> Status {
    Status::unimplemented(format!("the test server doesn't serve {what}"))
}

/// A server passes the engine's errors on, with its own names for them.
pub(super) fn engine(error: OperationError) -> Status {
    match error {
        OperationError::PointIdError { .. } => not_found(error),
        OperationError::WrongSparse => {
            bad_input("Conversion between sparse and regular vectors failed")
        }
        OperationError::WrongMulti => {
            bad_input("Conversion between multi and regular vectors failed")
        }
        OperationError::ServiceError { description, .. } => internal(description),
        OperationError::InconsistentStorage { .. }
        | OperationError::FileNotFound { .. }
        | OperationError::OutOfMemory { .. }
        | OperationError::OutOfAppendableCapacity { .. } => internal(error),
        _ => bad_input(error),
    }
}

fn internal(problem: impl Display) -> Status {
    Status::internal(format!("Service internal error: {problem}"))
}
