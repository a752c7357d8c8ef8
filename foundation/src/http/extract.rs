//! Extractors that refuse bad input before a handler sees it.

use std::borrow::Cow;

use actix_web::dev::Payload;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::{LocalBoxFuture, Ready, ready};
use serde::de::DeserializeOwned;
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use super::field;
use crate::error::{Error, Problem, Result};
use crate::text;

/// `A`, and only then `B`: who may not call is told so, whatever else is wrong with the request. Extractors that stand
/// side by side run side by side, and the first failure would win.
#[derive(Debug)]
pub struct Then<A, B>(pub A, pub B);

impl<A, B> FromRequest for Then<A, B>
where
    A: FromRequest<Error = Error> + 'static,
    B: FromRequest<Error = Error> + 'static,
{
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let first = A::from_request(&request, &mut Payload::None).await?;
            Ok(Self(first, B::from_request(&request, &mut payload).await?))
        })
    }
}

/// A JSON body that keeps the rules of `T`.
///
/// A required field that is absent or `null` is [`Error::Missing`]. A missing or unknown content type, a body that is not
/// JSON or a field of the wrong type is [`Error::WrongType`]; a field that breaks a rule of `T` is [`Error::Invalid`].
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Validate + 'static> FromRequest for Json<T> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if !is_json(request) {
            return Box::pin(ready(Err(Error::WrongType("Content-Type".into()))));
        }
        let body = Bytes::from_request(request, payload);
        Box::pin(async move {
            // The only causes are a body over the limit and a connection that broke off.
            let body = body.await.map_err(|_| {
                Error::Invalid(Problem::new("请求体过大或不完整", "the request body is too large or incomplete"))
            })?;
            if text::json_has_nul(&body) {
                let problem = Problem::new("请求体不能包含空字符", "the request body must not contain NUL");
                return Err(Error::Invalid(problem));
            }
            let value: T = serde_json::from_slice(&body).map_err(|_| wrong_json::<T>(&body))?;
            check(&value)?;
            Ok(Self(value))
        })
    }
}

fn is_json(request: &HttpRequest) -> bool {
    matches!(request.mime_type(), Ok(Some(mime))
        if mime.subtype() == "json" || mime.suffix().is_some_and(|suffix| suffix == "json"))
}

/// Reads a refused body once more to find out which field it was.
fn wrong_json<T: DeserializeOwned>(body: &[u8]) -> Error {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(_) => Error::WrongType("request body".into()),
        Err(error) => refused(&error, "request body"),
    }
}

/// What serde refused: a required field that is absent, or one of the wrong type; `whole` names the input itself.
fn refused<E: std::fmt::Display>(error: &serde_path_to_error::Error<E>, whole: &'static str) -> Error {
    let path = error.path().to_string();
    // A `?` stands for a place that has no name, a `.` for the input itself.
    let path = path.trim_end_matches(['?', '.']);
    let path = (!path.is_empty()).then(|| path.to_owned());
    let message = error.inner().to_string();
    match (missing_field(&message), path) {
        (Some(name), None) => Error::Missing(name.to_owned().into()),
        (Some(name), Some(path)) => Error::Missing(format!("{path}.{name}").into()),
        // As good as absent.
        (None, Some(path)) if message.starts_with("invalid type: null") => Error::Missing(path.into()),
        (None, path) => Error::WrongType(path.map_or(Cow::Borrowed(whole), Cow::Owned)),
    }
}

/// The field that serde's error message says is missing.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split_once('`').map(|(name, _)| name)
}

/// Parameters that are lists. Clients write commas between the values, or repeat the parameter.
const LISTS: [&str; 1] = ["state"];

/// A query string that keeps the rules of `T`.
///
/// A required parameter that is absent is [`Error::Missing`], one of the wrong type [`Error::WrongType`], one that
/// breaks a rule [`Error::Invalid`].
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Validate + 'static> FromRequest for Query<T> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse_query(request.query_string()).map(Self))
    }
}

/// Reads a query string by the rules of [`Query`].
pub fn parse_query<T: DeserializeOwned + Validate>(query: &str) -> Result<T> {
    // Browsers and the stock clients write an unset parameter as `name=`; it counts as absent.
    let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> =
        serde_urlencoded::from_str(query).map_err(|_| Error::WrongType("query string".into()))?;
    if let Some((name, _)) = pairs.iter().find(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(Error::WrongType(name.replace('\0', "").into()));
    }
    let mut values: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
        let is_list = LISTS.contains(&&*name);
        match values.iter_mut().find(|(known, _)| is_list && *known == name) {
            Some((_, list)) => *list = Cow::Owned(format!("{list},{value}")),
            None => values.push((name, value)),
        }
    }
    let values = values.into_iter().map(|(name, value)| (name, Text(value)));
    let deserializer = serde::de::value::MapDeserializer::new(values);
    let value: T = serde_path_to_error::deserialize(deserializer).map_err(|error| refused(&error, "query string"))?;
    check(&value)?;
    Ok(value)
}

/// Checks the rules of a value that was read.
pub(crate) fn check(value: &impl Validate) -> Result<()> {
    value.validate().map_err(|errors| Error::Invalid(problem(&errors)))
}

/// The first broken rule, in the order of the fields' names. A rule with a message is quoted as `zh|en`.
fn problem(errors: &ValidationErrors) -> Problem {
    if let Some((field, rule)) = first_broken(errors) {
        let en = camel_case(field);
        let zh = field::name(&en);
        if let Some((rule_zh, rule_en)) = rule.message.as_ref().and_then(|message| message.split_once('|')) {
            return Problem { zh: format!("{zh}{rule_zh}").into(), en: format!("{en} {rule_en}").into() };
        }
        let bound = |name: &str| rule.params.get(name).map(ToString::to_string);
        let (bounds_zh, bounds_en) = match (bound("min"), bound("max")) {
            (Some(min), Some(max)) => (format!("须为 {min} 至 {max}"), format!("from {min} to {max}")),
            (Some(min), None) => (format!("须不小于 {min}"), format!("at least {min}")),
            (None, Some(max)) => (format!("须不大于 {max}"), format!("at most {max}")),
            (None, None) => {
                return Problem { zh: format!("{zh}不合法").into(), en: format!("{en} is not valid").into() };
            }
        };
        return match rule.code.as_ref() {
            "length" => Problem {
                zh: format!("{zh}的字数{bounds_zh}").into(),
                en: format!("{en} must have {bounds_en} characters").into(),
            },
            _ => Problem { zh: format!("{zh}{bounds_zh}").into(), en: format!("{en} must be {bounds_en}").into() },
        };
    }
    Problem::new("参数不合法", "a parameter is not valid")
}

/// The first broken rule with the name of its field, those of nested objects and lists included.
fn first_broken(errors: &ValidationErrors) -> Option<(&str, &ValidationError)> {
    let mut fields: Vec<_> = errors.errors().iter().collect();
    fields.sort_by_key(|(name, _)| name.to_string());
    fields.into_iter().find_map(|(field, kind)| match kind {
        ValidationErrorsKind::Field(broken) => broken.first().map(|rule| (field.as_ref(), rule)),
        ValidationErrorsKind::Struct(nested) => first_broken(nested),
        ValidationErrorsKind::List(items) => items.values().find_map(|nested| first_broken(nested)),
    })
}

/// Rust's field names as the wire spells them.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// One value of a query string, read as whatever type the field has.
struct Text<'a>(Cow<'a, str>);

macro_rules! parse_as {
    ($($method:ident => $visit:ident),* $(,)?) => {
        $(fn $method<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            match self.0.parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(serde::de::Error::custom("wrong type")),
            }
        })*
    };
}

impl<'de> serde::Deserializer<'de> for Text<'de> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_string(self.0.into_owned())
    }

    fn deserialize_option<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    parse_as! {
        deserialize_bool => visit_bool,
        deserialize_i32 => visit_i32,
        deserialize_i64 => visit_i64,
        deserialize_u32 => visit_u32,
        deserialize_u64 => visit_u64,
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct enum identifier ignored_any
    }
}

impl<'de> serde::de::IntoDeserializer<'de, serde::de::value::Error> for Text<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Body {
        name: String,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        id: i64,
    }

    /// The texts are no promise of serde's; these are those of serde 1.0.229 and serde_json 1.0.154. When this fails after an
    /// update, [`missing_field`] and [`refused`] have to read the new ones.
    #[test]
    fn serde_writes_the_texts_that_are_read_here() {
        let body = |text| serde_json::from_str::<Body>(text).unwrap_err().to_string();
        assert!(body("{}").starts_with("missing field `name`"), "{}", body("{}"));
        assert!(body(r#"{"name":null}"#).starts_with("invalid type: null"), "{}", body(r#"{"name":null}"#));
        let query = <serde::de::value::Error as serde::de::Error>::missing_field("name").to_string();
        assert_eq!(query, "missing field `name`");
    }

    #[test]
    fn a_refused_field_is_named_with_its_place() {
        for (body, error) in [
            ("{}", Error::Missing("name".into())),
            (r#"{"name":null}"#, Error::Missing("name".into())),
            (r#"{"name":"a","inner":{}}"#, Error::Missing("inner.id".into())),
            (r#"{"name":"a","inner":{"id":null}}"#, Error::Missing("inner.id".into())),
            (r#"{"name":1}"#, Error::WrongType("name".into())),
            (r#"{"name":"missing field `x`","inner":1}"#, Error::WrongType("inner".into())),
            ("[]", Error::WrongType("request body".into())),
        ] {
            assert_eq!(wrong_json::<Body>(body.as_bytes()), error, "{body}");
        }
    }
}
