//! What the stock clients ask of a shop's backend when they start, answered with nothing.
//!
//! Behind a gateway the shop's own backend answers these paths. Run against this service alone, the stock member client
//! would not even open the chat, and the admin console would show an error for each of them: so every one gets the
//! emptiest answer that they work with. The setting `server.shop_placeholders` turns off what is the shop's; what the console
//! asks for while an admin logs in is always answered.

pub(crate) mod api;
