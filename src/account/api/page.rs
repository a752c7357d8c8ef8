//! Pages of lists, as yudao numbers them.

/// How many stand before the page, and how many on it.
pub(super) fn page_of(page_no: Option<usize>, page_size: Option<usize>) -> (usize, usize) {
    let size = page_size.unwrap_or(10);
    (page_no.unwrap_or(1).saturating_sub(1).saturating_mul(size), size)
}
