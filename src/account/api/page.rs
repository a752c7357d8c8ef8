//! Pages of lists, as yudao numbers them.

use serde::Serialize;
use utoipa::ToSchema;

/// A part of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Page<T> {
    pub(super) list: Vec<T>,
    /// How many there are in all.
    #[schema(minimum = 0)]
    pub(super) total: i64,
}

/// How many stand before the page, and how many on it.
pub(super) fn page_of(page_no: Option<usize>, page_size: Option<usize>) -> (usize, usize) {
    let size = page_size.unwrap_or(10);
    (page_no.unwrap_or(1).saturating_sub(1).saturating_mul(size), size)
}
