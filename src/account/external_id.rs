//! Whom a program names in the path `/open-api/members/{externalId}`, by the id in its own system.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{Ready, ready};
use percent_encoding::percent_decode_str;
use serde_json::json;
use utoipa::openapi::Required;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::{EXTERNAL_ID_LIMIT, Member, MemberId, store};
use crate::db::AnyConnection;
use crate::error::{Error, Problem, Result};
use crate::http::OPEN_API;
use crate::http::describe::{Describe, Description};
use crate::id::TenantId;

/// The id in the path. It is percent-encoded, as it may hold a `/`, and is read from what was sent: the router takes any two
/// texts that are not UTF-8 for the same one.
#[derive(Clone, Debug)]
pub(crate) struct ExternalId(pub MemberId);

impl ExternalId {
    /// The member.
    ///
    /// # Errors
    /// [`Error::MemberNotFound`].
    pub(crate) fn find(&self, connection: &mut AnyConnection, tenant: TenantId) -> Result<Member> {
        store::member_by_id(connection, tenant, &self.0)?.ok_or(Error::MemberNotFound)
    }
}

fn read(path: &str) -> Option<MemberId> {
    let segment = path.strip_prefix(OPEN_API)?.strip_prefix("members/")?.split('/').next()?;
    MemberId::from_text(&percent_decode_str(segment).decode_utf8().ok()?)
}

impl FromRequest for ExternalId {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let problem = Problem::new("外部编号不合法", "externalId is not valid");
        ready(read(request.uri().path()).map(Self).ok_or(Error::Invalid(problem)))
    }
}

impl Describe for ExternalId {
    fn describe(description: &mut Description) {
        let schema =
            ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(EXTERNAL_ID_LIMIT));
        let parameter = ParameterBuilder::new()
            .name("externalId")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some("The member's id in your system, as the members' tokens have it; percent-encoded."))
            .schema(Some(schema))
            .example(Some(json!("1001")));
        description.parameter(parameter.build());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::UserId;

    #[test]
    fn an_id_is_decoded_once_and_may_hold_a_slash() {
        let id = |segment: &str| read(&format!("/open-api/members/{segment}/sessions"));
        let text = |text: &str| Some(MemberId::Text(text.to_owned()));
        assert_eq!(id("1001"), Some(MemberId::Number(UserId::new(1001))));
        assert_eq!(id("a%2Fb"), text("a/b"));
        assert_eq!(id("a%252Fb"), text("a%2Fb"));
        assert_eq!(id("a+b"), text("a+b"));
        assert_eq!(id("%E5%B0%8F"), text("小"));
        for bad in ["", "%FF", "%00", "%20", "visitor%3Aab"] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }
}
