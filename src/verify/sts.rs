//! Asks AWS STS. The only async code, and the only code that opens a socket.
//!
//! A question is signed with the credential it is about and with nothing else: the crates that look for profiles, for credentials
//! in the environment, on an instance or with SSO are not linked. The secret signs and does not leave; key id, signature and session
//! token do. Errors say what went wrong in words of their own or in the innermost cause: what the SDK can print
//! holds whole requests.

use std::error::Error as _;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{AppName, BehaviorVersion, Credentials, IdentityCache, Region, SharedHttpClient};
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::{Answer, Credential, Until, Verifier};
use crate::finding::Partition;

/// How to reach STS. Whoever fills it in has read the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The URL to ask at, for all partitions, instead of AWS's own.
    pub endpoint: Option<String>,
    /// Certificates in PEM to trust instead of the system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// The URL of the proxy for `https`. It can hold a password.
    pub proxy: Option<String>,
    /// The hosts that are asked without proxy, as in `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// The longest time to wait for a connection.
    pub connect_timeout: Duration,
    /// The longest time to wait for an answer.
    pub call_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: None,
            ca_bundle: None,
            proxy: None,
            no_proxy: None,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(10),
        }
    }
}

/// STS cannot be asked with these settings. No text holds a URL: it can have a password in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The endpoint is no URL.
    #[error("the STS endpoint is no URL of the form https://HOST[:PORT]")]
    Endpoint,
    /// The endpoint is not encrypted and not on this machine.
    #[error(
        "the STS endpoint must begin with https://, because session tokens are sent there; http:// is for this machine only"
    )]
    PlainEndpoint,
    /// The proxy is no URL.
    #[error("the proxy is no URL of the form http://HOST:PORT")]
    Proxy,
    /// No certificate of the bundle can be used.
    #[error("the CA bundle holds no certificate that can be used")]
    CaBundle,
    /// The TLS settings do not work together.
    #[error("TLS cannot be set up")]
    Tls,
    /// The async runtime cannot be started.
    #[error("the connection to STS cannot be set up")]
    Runtime(#[source] std::io::Error),
}

/// AWS STS.
#[derive(Debug)]
pub struct Sts {
    /// One for all questions, so that they share connections and what was learned about the clock.
    client: aws_sdk_sts::Client,
    has_endpoint: bool,
    /// Of one thread: those who ask take turns in driving it, and all of them wait in it.
    runtime: tokio::runtime::Runtime,
}

impl Sts {
    /// Ready to ask. Nothing is sent before the first question.
    pub fn new(settings: &Settings) -> Result<Self, SetupError> {
        let mut config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(http_client(settings)?)
            .app_name(AppName::new("keyhound").expect("it is a plain word"))
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::disabled()) // the driver knows when to ask again
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(settings.connect_timeout)
                    .operation_timeout(settings.call_timeout)
                    .build(),
            );
        if let Some(endpoint) = &settings.endpoint {
            check_endpoint(endpoint)?;
            config = config.endpoint_url(endpoint);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(SetupError::Runtime)?;
        let client = aws_sdk_sts::Client::from_conf(config.build());
        Ok(Self { client, has_endpoint: settings.endpoint.is_some(), runtime })
    }

    async fn get_caller_identity(&self, credential: Credential<'_>, partition: Partition) -> Answer {
        let credentials = Credentials::new(
            credential.key_id,
            credential.secret.expose(),
            credential.token.map(|token| token.expose().to_owned()),
            None,
            "keyhound",
        );
        let this = aws_sdk_sts::Config::builder()
            .region(Region::new(partition.region()))
            .credentials_provider(credentials);
        match self.client.get_caller_identity().customize().config_override(this).send().await {
            Ok(identity) => match (identity.account(), identity.arn()) {
                (Some(account), Some(arn)) => Answer::Accepted {
                    account: account.to_owned(),
                    arn: arn.to_owned(),
                    user_id: identity.user_id().unwrap_or_default().to_owned(),
                },
                _ => Answer::of_error(200, None, None),
            },
            Err(error) => of_error(&error),
        }
    }
}

impl Verifier for Sts {
    fn ask(&self, credential: Credential<'_>, partition: Partition, until: &Until<'_>) -> Answer {
        if !is_well_formed(credential) {
            return Answer::Unknown {
                reason: "not asked: it has characters that no credential has".to_owned(),
            };
        }
        self.runtime.block_on(async {
            let mut answer = pin!(self.get_caller_identity(credential, partition));
            loop {
                match tokio::time::timeout(Until::TICK, &mut answer).await {
                    Ok(answer) => return answer,
                    Err(_) => {
                        if let Some(reason) = until.over() {
                            return Answer::Unknown { reason: reason.to_owned() };
                        }
                    }
                }
            }
        })
    }

    fn has_one_endpoint(&self) -> bool {
        self.has_endpoint
    }
}

/// The SDK panics at a control character in a key id; nothing else than a credential goes into a header either.
fn is_well_formed(credential: Credential<'_>) -> bool {
    let Credential { key_id, secret, token } = credential;
    (16..=128).contains(&key_id.len())
        && key_id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && !secret.expose().is_empty()
        && secret.expose().bytes().all(|b| b.is_ascii_graphic())
        && token.is_none_or(|token| {
            !token.expose().is_empty()
                && token.expose().bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b))
        })
}

fn check_endpoint(url: &str) -> Result<(), SetupError> {
    let plain = url.strip_prefix("http://");
    let rest = url.strip_prefix("https://").or(plain).ok_or(SetupError::Endpoint)?;
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if host.is_empty()
        || !host.bytes().all(is_host)
        || !rest.bytes().all(|b| b.is_ascii_graphic())
        || port.is_some_and(|port| port.parse::<u16>().is_err())
    {
        return Err(SetupError::Endpoint);
    }
    if plain.is_some() && !["127.0.0.1", "localhost", "[::1]"].contains(&host) {
        return Err(SetupError::PlainEndpoint);
    }
    Ok(())
}

/// One client, with one pool of connections, for the whole run.
fn http_client(settings: &Settings) -> Result<SharedHttpClient, SetupError> {
    let trust = match &settings.ca_bundle {
        None => tls::TrustStore::default(),
        Some(pem) => {
            let certificates = certificates(pem);
            if certificates.is_empty() {
                return Err(SetupError::CaBundle);
            }
            certificates
                .iter()
                .fold(tls::TrustStore::empty(), |trust, one| trust.with_pem_certificate(one.as_bytes()))
        }
    };
    let context = tls::TlsContext::builder().with_trust_store(trust).build().map_err(|_| SetupError::Tls)?;
    let proxy = match &settings.proxy {
        None => ProxyConfig::disabled(),
        Some(url) => {
            let url = if url.contains("://") { url.clone() } else { format!("http://{url}") };
            let proxy = ProxyConfig::https(url).map_err(|_| SetupError::Proxy)?;
            proxy.no_proxy(settings.no_proxy.as_deref().unwrap_or_default())
        }
    };
    let shared: Mutex<Option<SharedHttpConnector>> = Mutex::new(None);
    Ok(http_client_fn(move |settings, components| {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let connector = shared.get_or_insert_with(|| {
            let ring = tls::rustls_provider::CryptoMode::Ring;
            let mut connector = Connector::builder()
                .tls_provider(tls::Provider::rustls(ring))
                .tls_context(context.clone())
                .proxy_config(proxy.clone());
            connector.set_connector_settings(Some(settings.clone()));
            connector.set_sleep_impl(components.sleep_impl());
            SharedHttpConnector::new(connector.build())
        });
        connector.clone()
    }))
}

/// The certificates of a bundle that rustls can use, each in PEM: the SDK panics at the others.
fn certificates(pem: &[u8]) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(pem);
    let blocks = text.split(BEGIN).skip(1).filter_map(|rest| rest.split_once(END).map(|cut| cut.0));
    let is_usable = |block: &String| {
        CertificateDer::from_pem_slice(block.as_bytes())
            .is_ok_and(|certificate| rustls::RootCertStore::empty().add(certificate).is_ok())
    };
    blocks.map(|body| format!("{BEGIN}{body}{END}\n")).filter(is_usable).collect()
}

fn of_error(error: &SdkError<GetCallerIdentityError, HttpResponse>) -> Answer {
    let unknown = |reason: String| Answer::Unknown { reason };
    match error {
        SdkError::ServiceError(error) => {
            Answer::of_error(error.raw().status().as_u16(), error.err().code(), error.err().message())
        }
        SdkError::ResponseError(error) => Answer::of_error(error.raw().status().as_u16(), None, None),
        SdkError::TimeoutError(_) => unknown("no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => unknown("no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) => {
            let Some(mut cause) = failure.as_connector_error().and_then(|error| error.source()) else {
                return unknown("no connection".to_owned());
            };
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            let cause: String = cause.to_string().chars().take(120).collect();
            let hint = if cause.contains("UnknownIssuer") {
                ": its certificate is not trusted here (AWS_CA_BUNDLE or SSL_CERT_FILE name others)"
            } else {
                ""
            };
            unknown(format!("no connection: {cause}{hint}"))
        }
        _ => unknown("the question could not be built".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Secret;

    #[test]
    fn endpoints_are_urls_and_encrypted_unless_they_are_here() {
        for url in [
            "https://sts.example.org",
            "https://vpce-0a1.sts.us-east-1.vpce.amazonaws.com/",
            "https://h:8443/x",
            "http://127.0.0.1:5000",
            "http://localhost",
            "http://[::1]:80/",
        ] {
            assert!(check_endpoint(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "sts.example.org",
            "https://",
            "https:///x",
            "ftp://h",
            "https://h:x",
            "https://a b",
            "https://u:p@h",
            "https://h\n",
            "https://h:70000",
        ] {
            assert!(matches!(check_endpoint(url), Err(SetupError::Endpoint)), "{url}");
        }
        for url in ["http://sts.example.org", "http://127.0.0.1.example.org", "http://10.0.0.1:80"] {
            assert!(matches!(check_endpoint(url), Err(SetupError::PlainEndpoint)), "{url}");
        }
    }

    #[test]
    fn what_would_make_the_sdk_panic_is_not_asked() {
        let sts = Sts::new(&Settings::default()).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(true); // and nothing is sent even if it were asked
        let until = Until { stop: &stop, deadline: std::time::Instant::now() };
        let good = Secret::new("x".repeat(40));
        let bad = [Secret::new("x\ny"), Secret::new(""), Secret::new("ä")];
        let id = "AKIAY34FZKBOKMUTVV7A";
        let mut cases = vec![
            ("AKIA\x00Y34FZKBOKMUTVV7", &good, None),
            ("short", &good, None),
            (id, &good, Some(&bad[1])),
        ];
        cases.extend(bad.iter().map(|secret| (id, secret, None)));
        cases.extend(bad.iter().map(|token| (id, &good, Some(token))));
        for (key_id, secret, token) in cases {
            let answer = sts.ask(Credential { key_id, secret, token }, Partition::Aws, &until);
            assert!(
                matches!(&answer, Answer::Unknown { reason } if reason.contains("characters")),
                "{answer:?}"
            );
        }
    }

    #[test]
    fn broken_bundles_and_proxies_are_refused() {
        let bundle = |pem: &str| Settings { ca_bundle: Some(pem.as_bytes().to_vec()), ..Settings::default() };
        for pem in [
            "",
            "x",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----",
        ] {
            assert!(matches!(Sts::new(&bundle(pem)), Err(SetupError::CaBundle)), "{pem}");
        }
        let proxy = Settings { proxy: Some("http://user:pa ss@:".into()), ..Settings::default() };
        let error = Sts::new(&proxy).unwrap_err();
        assert!(!error.to_string().contains("pa ss"));
    }
}
