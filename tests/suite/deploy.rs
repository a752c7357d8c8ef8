//! What the deployment asks of the program: `kefu healthcheck`.

use std::path::Path;

use crate::support::process::{Serve, done, failed};

#[tokio::test]
async fn a_health_check_tells_whether_the_service_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path(), &[]).await;
    let any = serve.address.replace("127.0.0.1", "0.0.0.0");
    for address in [serve.address.clone(), any] {
        let answer = done(Path::new(folder.path()), &["healthcheck", "--listen", &address], "").await;
        assert!(answer.contains(r#""status":"ok""#), "{answer}");
    }
    let address = serve.address.clone();
    assert_eq!(serve.terminate().await.code, Some(0));
    let line = failed(folder.path(), &["healthcheck", "--listen", &address], "").await;
    assert!(line.contains(&address), "{line}");
}
