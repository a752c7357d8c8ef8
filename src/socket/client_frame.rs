//! What own clients may say on the socket: `{"type":"…","content":…}` with the content as JSON text, as in server
//! frames, or as an object.

use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::clock::Millis;
use crate::error::{Error, Problem, Result};
use crate::fact::frames::ClientFrameType;
use crate::id::ConversationId;

const TYPING: &str = ClientFrameType::Typing.as_str();
const VIEWING: &str = ClientFrameType::Viewing.as_str();
const RESYNC: &str = ClientFrameType::Resync.as_str();

/// A frame that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFrame {
    /// The user is typing. Admins name the conversation.
    Typing(Option<ConversationId>),
    /// An admin looks at this conversation, or at none.
    Viewing(Option<ConversationId>),
    /// Replay what was missed.
    Resync(Resync),
}

/// Up to where a client has everything, as it names it in its handshake or in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resync {
    /// A conversation's messages up to this `seq`. Admins name the conversation.
    AfterSeq(Option<ConversationId>, i64),
    /// All the tenant's messages up to this time; for admins.
    Since(Millis),
}

#[derive(Deserialize)]
struct Frame<'a> {
    r#type: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// The content of a frame from own clients; each type takes some of these.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Content {
    /// The conversation. Admins name it; a member has one.
    #[schema(nullable = false)]
    conversation_id: Option<ConversationId>,
    /// Replay the conversation's messages above this `seq`.
    #[schema(nullable = false, minimum = 0, example = 7)]
    after_seq: Option<i64>,
    /// Replay the messages of all conversations from this time on, epoch milliseconds; for admins.
    #[schema(value_type = Option<i64>, nullable = false, minimum = 0, example = 1_795_255_296_821_i64)]
    since: Option<Millis>,
}

/// Reads a text frame.
///
/// # Errors
/// [`Error::WrongType`] or [`Error::Invalid`] for the error frame; never a panic, whatever the text.
pub fn parse(text: &str) -> Result<ClientFrame> {
    let malformed = || Error::WrongType("frame".into());
    let frame: Frame<'_> = serde_json::from_str(text).map_err(|_| malformed())?;
    let content = match frame.content.map(RawValue::get) {
        None | Some("null") => Content::default(),
        Some(raw) if raw.starts_with('"') => {
            let inner: String = serde_json::from_str(raw).map_err(|_| malformed())?;
            serde_json::from_str(&inner).map_err(|_| malformed())?
        }
        Some(raw) => serde_json::from_str(raw).map_err(|_| malformed())?,
    };
    match (frame.r#type.as_ref(), content) {
        (TYPING, Content { conversation_id, .. }) => Ok(ClientFrame::Typing(conversation_id)),
        (VIEWING, Content { conversation_id, .. }) => Ok(ClientFrame::Viewing(conversation_id)),
        (RESYNC, Content { conversation_id, after_seq: Some(seq), since: None }) if seq >= 0 => {
            Ok(ClientFrame::Resync(Resync::AfterSeq(conversation_id, seq)))
        }
        (RESYNC, Content { conversation_id: None, after_seq: None, since: Some(time) }) if time >= 0 => {
            Ok(ClientFrame::Resync(Resync::Since(time)))
        }
        (RESYNC, _) => Err(Error::Invalid(Problem::new(
            "内容需要 afterSeq 或 since 之一",
            "content needs either afterSeq or since",
        ))),
        _ => Err(Error::Invalid(Problem::new("类型未知", "type is not known"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn content_may_be_text_or_an_object() {
        let conversation = Some(ConversationId::new(7));
        for (text, frame) in [
            (r#"{"type":"kefu_typing"}"#, ClientFrame::Typing(None)),
            (r#"{"type":"kefu_typing","content":"{\"conversationId\":7}"}"#, ClientFrame::Typing(conversation)),
            (r#"{"type":"kefu_typing","content":{"conversationId":7}}"#, ClientFrame::Typing(conversation)),
            (r#"{"type":"kefu_resync","content":{"afterSeq":3}}"#, ClientFrame::Resync(Resync::AfterSeq(None, 3))),
            (r#"{"type":"kefu_viewing","content":{"conversationId":7}}"#, ClientFrame::Viewing(conversation)),
            (r#"{"type":"kefu_viewing","content":{"conversationId":null}}"#, ClientFrame::Viewing(None)),
            (
                r#"{"type":"kefu_resync","content":{"since":1795235421115}}"#,
                ClientFrame::Resync(Resync::Since(1_795_235_421_115)),
            ),
        ] {
            assert_eq!(parse(text), Ok(frame), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in [
            "hello",
            "[]",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"demo-message-send","content":"{}"}"#,
            r#"{"type":"kefu_resync"}"#,
            r#"{"type":"kefu_resync","content":{"afterSeq":-1}}"#,
            r#"{"type":"kefu_resync","content":{"afterSeq":1,"since":1}}"#,
            r#"{"type":"kefu_typing","content":"not json"}"#,
            r#"{"type":"kefu_typing","content":{"conversationId":"x"}}"#,
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn no_json_panics(kind in "[a-z_]{0,12}", content in ".{0,64}") {
            let _ = parse(&serde_json::json!({"type": kind, "content": content}).to_string());
            let _ = parse(&serde_json::json!({"type": "kefu_resync", "content": content}).to_string());
        }
    }
}
