//! How points are searched and ordered.

use qdrant_client::qdrant::order_value::Variant;
use qdrant_client::qdrant::{
    Direction, OrderBy as Order, OrderValue as Value, SearchParams as Params,
};
use qdrant_edge::{Direction as Towards, OrderBy, OrderByInterface, OrderValue, SearchParams};
use tonic::Status;

use super::path;
use crate::qdrant::errors::unserved;

pub(in super::super) fn params(params: &Params) -> Result<SearchParams, Status> {
    let served = Params { hnsw_ef: params.hnsw_ef, exact: params.exact, ..Params::default() };
    if *params != served {
        return Err(unserved("search parameters other than exact and hnsw_ef"));
    }
    Ok(SearchParams {
        hnsw_ef: params.hnsw_ef.map(|ef| usize::try_from(ef).unwrap()),
        exact: params.exact.unwrap_or_default(),
        ..SearchParams::default()
    })
}

pub(in super::super) fn order(order: &Order) -> Result<OrderByInterface, Status> {
    if order.start_from.is_some() {
        return Err(unserved("an order that starts from a value"));
    }
    let direction = order.direction.map(|_| match order.direction() {
        Direction::Asc => Towards::Asc,
        Direction::Desc => Towards::Desc,
    });
    let key = path::read(&order.key)?;
    Ok(OrderByInterface::Struct(OrderBy { key, direction, start_from: None }))
}

pub(in super::super) fn order_value(value: OrderValue) -> Value {
    let variant = match value {
        OrderValue::Int(integer) => Variant::Int(integer),
        OrderValue::Float(float) => Variant::Float(float),
    };
    Value { variant: Some(variant) }
}
