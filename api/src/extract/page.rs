use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::ApiError;

const LIMIT_DEFAULT: u16 = 50;
const LIMIT_MAX: u16 = 200;

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// 1 to 200; 50 where nothing is said.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Give it as `cursor` to get the next page; null at the end.
    pub next_cursor: Option<String>,
}

pub fn page_limit(asked: Option<u16>) -> Result<u16, ApiError> {
    let limit = asked.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMIT_MAX).contains(&limit) { Ok(limit) } else { Err(ApiError::invalid_field("limit", "is 1 to 200")) }
}

/// A cursor is the id behind which the next page begins.
pub fn page_cursor<T: FromStr>(asked: Option<&str>) -> Result<Option<T>, ApiError> {
    asked
        .map(|text| text.parse().map_err(|_| ApiError::invalid_field("cursor", "give next_cursor as it was answered")))
        .transpose()
}

impl<T> Page<T> {
    /// From one more row than a page has: it says that there is a next one.
    pub fn of<Row>(
        mut rows: Vec<Row>,
        limit: u16,
        cursor: impl FnOnce(&Row) -> String,
        view: impl FnMut(Row) -> T,
    ) -> Self {
        let more = rows.len() > usize::from(limit);
        rows.truncate(usize::from(limit));
        let next_cursor = rows.last().filter(|_| more).map(cursor);
        Self { data: rows.into_iter().map(view).collect(), next_cursor }
    }
}
