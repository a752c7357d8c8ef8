//! A user who calls REST.

use kefu::testing::auth::Tokens;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{Socket, TestApp};

/// The content of a text message, as the stock clients write it.
pub(crate) fn text(text: &str) -> String {
    json!({"text": text}).to_string()
}

/// A client with or without tokens.
#[derive(Clone)]
pub(crate) struct User {
    base: String,
    http: reqwest::Client,
    /// The origin of the page that calls.
    page: Option<String>,
    pub tokens: Option<Tokens>,
}

/// An answer, its envelope opened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    pub status: StatusCode,
    pub code: i64,
    pub msg: String,
    pub data: Value,
}

impl Reply {
    /// The data of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!((self.status, self.code, self.msg.as_str()), (StatusCode::OK, 0, ""), "{:?}", self.data);
        self.data
    }

    /// Asserts a handled failure: HTTP 200, this code and message, `data` null.
    #[track_caller]
    pub(crate) fn fails(self, code: i64, msg: &str) {
        assert_eq!((self.status, self.code, self.msg.as_str(), self.data), (StatusCode::OK, code, msg, Value::Null));
    }

    /// Reads the envelope of a response.
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let status = response.status();
        let body = response.text().await.unwrap();
        let envelope: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("no envelope: {status} {body}"));
        Self {
            status,
            code: envelope["code"].as_i64().unwrap(),
            msg: envelope["msg"].as_str().unwrap().to_owned(),
            data: envelope["data"].clone(),
        }
    }
}

impl User {
    pub(super) fn new(app: &TestApp, tokens: Option<Tokens>) -> Self {
        Self::at(format!("http://{}", app.address), app.http.clone(), tokens)
    }

    /// A user of a service that runs in another process, `base` as in `http://127.0.0.1:48080`.
    pub(crate) fn at(base: String, http: reqwest::Client, tokens: Option<Tokens>) -> Self {
        Self { base, http, page: None, tokens }
    }

    /// The same user on a page of this origin.
    pub(crate) fn on_page(self, origin: &str) -> Self {
        Self { page: Some(origin.to_owned()), ..self }
    }

    /// The same user without a page, as a program calls.
    pub(crate) fn without_page(&self) -> Self {
        Self { page: None, ..self.clone() }
    }

    /// The same user at another node.
    pub(crate) fn at_node(&self, node: &TestApp) -> Self {
        self.at_address(&node.address.to_string())
    }

    /// The same user at a node that listens there.
    pub(crate) fn at_address(&self, address: &str) -> Self {
        Self { base: format!("http://{address}"), ..self.clone() }
    }

    pub(crate) fn id(&self) -> i64 {
        self.tokens.as_ref().unwrap().user_id.get()
    }

    pub(crate) fn access_token(&self) -> &str {
        &self.tokens.as_ref().unwrap().access_token
    }

    pub(crate) fn refresh_token(&self) -> &str {
        &self.tokens.as_ref().unwrap().refresh_token
    }

    /// A request with the access token, to be changed and sent.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(page) = &self.page {
            request = request.header("origin", page);
        }
        match &self.tokens {
            Some(tokens) => request.bearer_auth(&tokens.access_token),
            None => request,
        }
    }

    pub(crate) async fn send(request: RequestBuilder) -> Reply {
        Reply::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        Self::send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn put(&self, path: &str) -> Reply {
        Self::send(self.request(Method::PUT, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        Self::send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        Self::send(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn put_json(&self, path: &str, body: Value) -> Reply {
        Self::send(self.request(Method::PUT, path).json(&body)).await
    }

    /// A member sends a text; returns the message's id.
    pub(crate) async fn says(&self, text: &str) -> i64 {
        let body = json!({"contentType": 1, "content": self::text(text)});
        self.post("/app-api/promotion/kefu-message/send", body).await.ok().as_i64().unwrap()
    }

    /// An admin answers in a conversation; returns the message's id.
    pub(crate) async fn answers(&self, conversation: i64, text: &str) -> i64 {
        let body = json!({"conversationId": conversation, "contentType": 1, "content": self::text(text)});
        self.post("/admin-api/promotion/kefu-message/send", body).await.ok().as_i64().unwrap()
    }

    /// The member's messages, `query` as in `limit=20`.
    pub(crate) async fn own_messages(&self, query: &str) -> Vec<Value> {
        let path = format!("/app-api/promotion/kefu-message/list?{query}");
        self.get(&path).await.ok().as_array().unwrap().clone()
    }

    /// A conversation's messages as an admin sees them.
    pub(crate) async fn messages(&self, conversation: i64, query: &str) -> Vec<Value> {
        let path = format!("/admin-api/promotion/kefu-message/list?conversationId={conversation}&{query}");
        self.get(&path).await.ok().as_array().unwrap().clone()
    }

    /// One conversation as an admin sees it.
    pub(crate) async fn conversation(&self, id: i64) -> Value {
        self.get(&format!("/admin-api/promotion/kefu-conversation/get?id={id}")).await.ok()
    }

    /// The admin's list.
    pub(crate) async fn conversations(&self) -> Vec<Value> {
        self.get("/admin-api/promotion/kefu-conversation/list").await.ok().as_array().unwrap().clone()
    }

    /// The member's own conversation's id.
    pub(crate) async fn own_conversation(&self) -> i64 {
        self.get("/app-api/promotion/kefu-conversation/get").await.ok()["id"].as_i64().unwrap()
    }

    /// A member marks the admins' messages as read.
    pub(crate) async fn reads_own(&self, conversation: i64) {
        self.put(&format!("/app-api/promotion/kefu-message/update-read-status?conversationId={conversation}"))
            .await
            .ok();
    }

    /// An admin marks the member's messages as read.
    pub(crate) async fn reads(&self, conversation: i64) {
        self.put(&format!("/admin-api/promotion/kefu-message/update-read-status?conversationId={conversation}"))
            .await
            .ok();
    }

    /// An admin pins or unpins a conversation.
    pub(crate) async fn pins(&self, conversation: i64, pinned: bool) {
        let path = "/admin-api/promotion/kefu-conversation/update-conversation-pinned";
        self.put_json(path, json!({"id": conversation, "adminPinned": pinned})).await.ok();
    }

    /// An admin deletes a conversation.
    pub(crate) async fn deletes(&self, conversation: i64) {
        self.delete(&format!("/admin-api/promotion/kefu-conversation/delete?id={conversation}")).await.ok();
    }

    /// As an admin sees it, the conversation has this many messages, `seq` without gaps, `createTime` strictly
    /// increasing, the right last message, and counts what is unread.
    pub(crate) async fn assert_consistent(&self, conversation: i64, messages: usize) {
        let mut listed = Vec::new();
        loop {
            let page = self.messages(conversation, &format!("limit=200&afterSeq={}", listed.len())).await;
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        assert_eq!(listed.len(), messages);
        let head = self.conversation(conversation).await;
        for (place, message) in listed.iter().enumerate() {
            assert_eq!(message["seq"], json!(place + 1));
            assert!(place == 0 || message["createTime"].as_i64() > listed[place - 1]["createTime"].as_i64());
        }
        let unread = |sender: i64| {
            listed
                .iter()
                .filter(|message| message["senderType"] == json!(sender) && message["readStatus"] == json!(false))
                .count()
        };
        assert_eq!(
            (&head["adminUnreadMessageCount"], &head["memberUnreadMessageCount"]),
            (&json!(unread(1)), &json!(unread(2)))
        );
        let last = listed.last().unwrap();
        assert_eq!((&head["lastMessageContent"], &head["lastMessageTime"]), (&last["content"], &last["createTime"]));
        assert_eq!(head["lastSeq"], json!(messages));
    }

    /// Opens a socket with the refresh token, as the stock clients do; `query` as in `lastSeq=3`, or empty.
    pub(crate) async fn socket(&self, query: &str) -> Socket {
        let base = self.base.replace("http://", "ws://");
        Socket::open(&format!("{base}/infra/ws?token={}&{query}", self.refresh_token())).await.unwrap()
    }
}
