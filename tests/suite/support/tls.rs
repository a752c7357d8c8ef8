//! Certificates, and somebody between the service and its database server who takes away the server's offer of TLS.

use std::process::Command;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::database::Kind;

/// What scripts/certificates makes, for one test.
pub(crate) struct Certificates(TempDir);

impl Certificates {
    pub(crate) fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/certificates");
        assert!(Command::new(script).arg(folder.path()).status().unwrap().success());
        Self(folder)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

/// Where to reach the server at `address` without TLS, until the test ends.
pub(crate) async fn strip_tls(kind: Kind, address: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (own, address) = (listener.local_addr().unwrap().to_string(), address.to_owned());
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(&address).await.unwrap();
            tokio::spawn(async move {
                match kind {
                    Kind::Mysql => hide_capability(&mut near, &mut far).await,
                    _ => refuse_request(&mut near).await,
                }?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    own
}

/// Clears the bit of TLS (0x0800) in the capabilities that the server of MySQL's protocol begins with: they follow its
/// version, which ends with 0, a number of four bytes, eight of the scramble and a 0.
async fn hide_capability(near: &mut TcpStream, far: &mut TcpStream) -> std::io::Result<()> {
    let mut head = [0; 4];
    far.read_exact(&mut head).await?;
    let mut greeting = vec![0; usize::from(u16::from_le_bytes([head[0], head[1]]))];
    far.read_exact(&mut greeting).await?;
    let capabilities = 1 + greeting[1..].iter().position(|byte| *byte == 0).unwrap() + 1 + 4 + 8 + 1;
    assert_ne!(greeting[capabilities + 1] & 0x08, 0, "the server offers no TLS");
    greeting[capabilities + 1] &= !0x08;
    near.write_all(&head).await?;
    near.write_all(&greeting).await
}

/// Answers `N` to PostgreSQL's first packet, which asks for TLS.
async fn refuse_request(near: &mut TcpStream) -> std::io::Result<()> {
    let mut request = [0; 8];
    near.read_exact(&mut request).await?;
    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47]);
    near.write_all(b"N").await
}
