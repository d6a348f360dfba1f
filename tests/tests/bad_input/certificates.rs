//! Clients that are not who they should be, or not what they should be.

use integration::{
    keys::Who,
    raw::{self, Certificates, Key},
    scene::{Scene, soon},
};
use rustls::{AlertDescription, ClientConfig, version::TLS12};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wsrpc::{Client, ConnectError};

/// How the server refuses a client that shows these.
async fn refusal_of(certificates: Certificates<'_>) -> AlertDescription {
    let scene = Scene::new().await;
    let alert = alert_from(&scene, raw::client_config(certificates)).await;
    scene.finish().await;
    alert
}

/// The alert that a client gets instead of an answer.
async fn alert_from(scene: &Scene, config: ClientConfig) -> AlertDescription {
    let stream = raw::tcp(scene.address).await;
    let error = match soon(raw::tls_over(stream, config)).await {
        // In TLS 1.3 the client is done before the server has seen its certificate.
        Ok(mut stream) => soon(raw::end_of(&mut stream)).await.unwrap_err(),
        Err(error) => error,
    };
    raw::alert(&error).unwrap_or_else(|| panic!("an alert, not {error}"))
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let alert = refusal_of(Certificates::None).await;
    assert_eq!(alert, AlertDescription::CertificateRequired);
}

#[tokio::test]
async fn a_client_with_two_certificates_is_refused() {
    let alert = refusal_of(Certificates::Twice(&Key::new())).await;
    assert_eq!(alert, AlertDescription::BadCertificate);
}

#[tokio::test]
async fn a_client_with_an_rsa_key_is_refused() {
    let alert = refusal_of(Certificates::One(&Key::rsa())).await;
    assert_eq!(alert, AlertDescription::BadCertificate);
}

#[tokio::test]
async fn a_client_with_an_ecdsa_key_is_refused() {
    let alert = refusal_of(Certificates::One(&Key::ecdsa())).await;
    assert_eq!(alert, AlertDescription::BadCertificate);
}

#[tokio::test]
async fn a_client_with_a_broken_certificate_is_refused() {
    let broken = Key::new().with_broken_certificate();
    let alert = refusal_of(Certificates::One(&broken)).await;
    assert_eq!(alert, AlertDescription::BadCertificate);
}

#[tokio::test]
async fn a_client_that_shows_a_certificate_that_is_not_its_own_is_refused() {
    let (alices, own) = (Key::new(), Key::new());
    let alert = refusal_of(Certificates::Stolen(&alices, &own)).await;
    assert!(
        matches!(
            alert,
            AlertDescription::DecryptError | AlertDescription::BadCertificate
        ),
        "{alert:?}"
    );
}

#[tokio::test]
async fn a_client_that_is_not_on_the_list_is_refused_as_go_refuses_it() {
    let scene = Scene::with(|server| server.allow([Who::Alice.public()])).await;
    scene
        .peers
        .allow_list()
        .replace([Who::Alice.public()])
        .await;
    let stranger = Key::new();
    let config = raw::client_config(Certificates::One(&stranger));
    assert_eq!(
        alert_from(&scene, config).await,
        AlertDescription::BadCertificate
    );
    let refused = soon(
        Client::builder(stranger.secret(), Who::Server.public()).connect(scene.address.to_string()),
    )
    .await
    .unwrap_err();
    assert!(matches!(&refused, ConnectError::KeyRefused { key, .. } if *key == stranger.public()));
    let text = refused.to_string();
    assert!(
        text.contains("have it added to the server's allow list"),
        "{text}"
    );
    scene.finish().await;
}

#[tokio::test]
async fn nobody_learns_who_is_on_the_list_by_showing_a_certificate() {
    let scene = Scene::new().await;
    let (listed, stranger, own) = (Key::new(), Key::new(), Key::new());
    let listed_keys = [Who::Alice.public(), listed.public()];
    scene.peers.allow_list().replace(listed_keys).await;
    let mut alerts = Vec::new();
    for shown in [&listed, &stranger] {
        let config = raw::client_config(Certificates::Stolen(shown, &own));
        alerts.push(alert_from(&scene, config).await);
    }
    assert_eq!(alerts[0], alerts[1]);
    scene.finish().await;
}

#[tokio::test]
async fn a_client_of_tls_1_2_is_refused() {
    let scene = Scene::new().await;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let alert = alert_from(&scene, config).await;
    assert_eq!(alert, AlertDescription::ProtocolVersion);
    scene.finish().await;
}

#[tokio::test]
async fn a_client_in_plain_text_gets_an_alert_and_is_closed() {
    let scene = Scene::new().await;
    for hello in [
        "GET / HTTP/1.1\r\n\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "\0\0\0\0\0\0\0\0",
    ] {
        let mut stream = raw::tcp(scene.address).await;
        stream.write_all(hello.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        soon(stream.read_to_end(&mut answer)).await.ok();
        // A record of type alert, or nothing.
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    }
    scene.finish().await;
}

#[tokio::test]
async fn a_client_that_offers_any_protocol_by_alpn_is_taken() {
    let scene = Scene::new().await;
    let key = Key::new();
    let mut config = raw::client_config(Certificates::One(&key));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = raw::tcp(scene.address).await;
    let mut stream = soon(raw::tls_over(stream, config)).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), None);
    assert_eq!(soon(raw::http(&mut stream, raw::UPGRADE)).await.status, 101);
    scene.finish().await;
}
