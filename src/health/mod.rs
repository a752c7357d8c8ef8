//! What operators and their machines ask: is it alive, may it take requests, how is it doing.

pub(crate) mod api;
