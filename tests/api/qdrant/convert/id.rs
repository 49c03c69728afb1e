//! Ids of points.

use qdrant_client::qdrant::PointId;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_edge::PointId as Id;
use tonic::Status;
use uuid::Uuid;

pub(in super::super) fn read(id: PointId) -> Result<Id, Status> {
    match id.point_id_options {
        Some(PointIdOptions::Num(number)) => Ok(Id::NumId(number)),
        Some(PointIdOptions::Uuid(text)) => Uuid::parse_str(&text)
            .map(Id::Uuid)
            .map_err(|_| Status::invalid_argument(format!("Unable to parse UUID: {text}"))),
        None => Err(Status::invalid_argument("No ID options provided")),
    }
}

pub(in super::super) fn write(id: Id) -> PointId {
    match id {
        Id::NumId(number) => number.into(),
        Id::Uuid(uuid) => uuid.to_string().into(),
    }
}
