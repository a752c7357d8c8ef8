//! A site with the widget, and its visitors.

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::{Reply, Socket, TestApp, User, path};

/// The page that every visitor is on.
pub(crate) const SITE: &str = "https://shop.example";

/// A channel of kind web for the pages of [`SITE`].
pub(crate) struct Site {
    pub id: i64,
    pub key: String,
    base: String,
    http: reqwest::Client,
}

impl Site {
    /// Made by an admin who may.
    pub(crate) async fn new(app: &TestApp, admin: &User) -> Self {
        let body = json!({"name": "shop", "settings": {"origins": [SITE]}});
        let id = admin.post(path::CHANNEL_CREATE, body).await.ok().as_i64().unwrap();
        let channel = admin.get(&format!("{}?id={id}", path::CHANNEL)).await.ok();
        let key = channel["key"].as_str().unwrap().to_owned();
        Self { id, key, base: app.url(""), http: app.http.clone() }
    }

    /// The call that gets tokens, to be changed and sent.
    pub(crate) fn token_request(&self, body: &Value) -> RequestBuilder {
        let mut body = body.clone();
        body["key"] = json!(self.key);
        self.http.post(format!("{}{}", self.base, path::VISITOR_TOKEN)).header("origin", SITE).json(&body)
    }

    pub(crate) async fn tokens(&self, body: Value) -> Reply {
        User::send(self.token_request(&body)).await
    }

    /// A new visitor, whose calls come from [`SITE`].
    pub(crate) async fn visitor(&self) -> User {
        self.user(self.tokens(json!({})).await.ok())
    }

    /// The visitor of these tokens.
    pub(crate) fn user(&self, tokens: Value) -> User {
        User::at(self.base.clone(), self.http.clone(), Some(serde_json::from_value(tokens).unwrap())).on_page(SITE)
    }
}

impl User {
    /// Links what a visitor wrote to this member.
    pub(crate) async fn links(&self, visitor: &User) -> Reply {
        self.post(path::VISITOR_LINK, json!({"visitorToken": visitor.refresh_token()})).await
    }

    /// The HTTP status of a handshake from a page: 101 for a socket.
    pub(crate) async fn handshake_from(&self, app: &TestApp, page: Option<&str>) -> u16 {
        match self.socket_from(app, page).await {
            Ok(_) => 101,
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// A socket that a page opens.
    pub(crate) async fn socket_from(
        &self,
        app: &TestApp,
        page: Option<&str>,
    ) -> Result<Socket, tokio_tungstenite::tungstenite::Error> {
        let mut request = app.socket_url(&format!("token={}", self.access_token())).into_client_request().unwrap();
        if let Some(page) = page {
            request.headers_mut().insert("origin", page.parse().unwrap());
        }
        let stream = tokio::net::TcpStream::connect(app.address).await?;
        Ok(Socket { stream: tokio_tungstenite::client_async(request, stream).await?.0 })
    }
}
