//! A bucket in memory that speaks as much of S3 as uploads need. Signatures are not checked.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use actix_web::dev::ServerHandle;
use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use kefu::settings::{Settings, Storage};

const BUCKET: &str = "kefu-files";

#[derive(Default)]
struct State {
    objects: HashMap<String, web::Bytes>,
    /// The parts of each unfinished upload, by number.
    uploads: HashMap<String, BTreeMap<u32, web::Bytes>>,
    /// How many uploads in parts were ever begun.
    begun: usize,
    /// What is answered instead of storing anything.
    refusal: Option<Refusal>,
}

/// How a bucket fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Which writes: of whole objects or beginnings of parts, of the parts with this number, or of ends.
    pub(crate) at: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Begin,
    Part(u32),
    End,
}

/// The bucket and its server on a free port.
pub(crate) struct S3 {
    state: Arc<Mutex<State>>,
    endpoint: String,
    server: ServerHandle,
}

impl S3 {
    pub(crate) fn spawn() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let data = web::Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .app_data(web::PayloadConfig::new(64 * 1024 * 1024))
                .default_service(web::to(answer))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { state, endpoint, server: handle }
    }

    /// Keeps the files of a service here.
    pub(crate) fn settings(&self) -> impl FnOnce(&mut Settings) + use<> {
        let endpoint = self.endpoint.clone();
        move |settings| {
            settings.file.storage = Storage::S3;
            settings.file.s3_bucket = Some(BUCKET.into());
            settings.file.s3_endpoint = Some(endpoint);
            settings.file.s3_access_key_id = Some("id".into());
            settings.file.s3_secret_access_key = Some("secret".into());
        }
    }

    /// The numbers of objects, of unfinished uploads in parts, and of those that were ever begun.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let state = lock(&self.state);
        (state.objects.len(), state.uploads.len(), state.begun)
    }

    /// From now on refuses to store, or no more.
    pub(crate) fn refuse(&self, refusal: Option<Refusal>) {
        lock(&self.state).refusal = refusal;
    }

    pub(crate) async fn stop(self) {
        self.server.stop(false).await;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

fn xml(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type("application/xml").body(body)
}

async fn answer(
    request: HttpRequest,
    query: web::Query<HashMap<String, String>>,
    body: web::Bytes,
    state: web::Data<Mutex<State>>,
) -> HttpResponse {
    let mut state = lock(&state);
    let path = request.path().trim_matches('/');
    let Some(key) = path.strip_prefix(BUCKET).map(|key| key.trim_matches('/').to_owned()) else {
        return HttpResponse::NotFound().body("<Error><Code>NoSuchBucket</Code></Error>");
    };
    let upload = query.get("uploadId");
    let stage = match (request.method().as_str(), upload) {
        ("PUT", Some(_)) => Some(Stage::Part(query["partNumber"].parse().unwrap())),
        ("POST", Some(_)) => Some(Stage::End),
        ("PUT", None) => Some(Stage::Begin),
        ("POST", None) if query.contains_key("uploads") => Some(Stage::Begin),
        _ => None,
    };
    if let Some(Refusal { status, .. }) = state.refusal.filter(|refusal| Some(refusal.at) == stage) {
        return HttpResponse::build(status.try_into().unwrap()).finish();
    }
    match (request.method().as_str(), upload) {
        ("PUT", None) => {
            state.objects.insert(key, body);
            HttpResponse::Ok().insert_header((header::ETAG, "\"whole\"")).finish()
        }
        ("PUT", Some(id)) => {
            let Some(parts) = state.uploads.get_mut(id) else { return HttpResponse::NotFound().finish() };
            let number = query["partNumber"].parse().unwrap();
            parts.insert(number, body);
            HttpResponse::Ok().insert_header((header::ETAG, format!("\"{number}\""))).finish()
        }
        ("POST", None) if query.contains_key("uploads") => {
            state.begun += 1;
            let id = state.begun.to_string();
            state.uploads.insert(id.clone(), BTreeMap::new());
            xml(format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"))
        }
        ("POST", Some(id)) => {
            let Some(parts) = state.uploads.remove(id) else { return HttpResponse::NotFound().finish() };
            let whole: Vec<u8> = parts.into_values().flatten().collect();
            state.objects.insert(key, whole.into());
            xml("<CompleteMultipartUploadResult><ETag>\"parts\"</ETag></CompleteMultipartUploadResult>".into())
        }
        ("POST", None) if query.contains_key("delete") => {
            let text = String::from_utf8(body.to_vec()).unwrap();
            let keys = text.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap());
            let deleted: String = keys
                .map(|key| {
                    state.objects.remove(key);
                    format!("<Deleted><Key>{key}</Key></Deleted>")
                })
                .collect();
            xml(format!("<DeleteResult>{deleted}</DeleteResult>"))
        }
        ("DELETE", Some(id)) => {
            state.uploads.remove(id);
            HttpResponse::NoContent().finish()
        }
        ("DELETE", None) => {
            state.objects.remove(&key);
            HttpResponse::NoContent().finish()
        }
        ("GET" | "HEAD", None) => match state.objects.get(&key) {
            Some(object) => read(&request, object),
            None => HttpResponse::NotFound().body("<Error><Code>NoSuchKey</Code></Error>"),
        },
        (method, _) => HttpResponse::NotImplemented().body(format!("{method} {}", request.uri())),
    }
}

fn read(request: &HttpRequest, object: &web::Bytes) -> HttpResponse {
    let range = request.headers().get(header::RANGE).and_then(|range| {
        let (first, last) = range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()?))
    });
    let mut response = if range.is_some() { HttpResponse::PartialContent() } else { HttpResponse::Ok() };
    response
        .insert_header((header::ETAG, "\"etag\""))
        .insert_header((header::LAST_MODIFIED, "Sat, 21 Nov 2026 04:00:00 GMT"));
    match range {
        None => response.body(object.clone()),
        Some((first, last)) => {
            response.insert_header((header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", object.len())));
            response.body(object.slice(first..=last))
        }
    }
}
