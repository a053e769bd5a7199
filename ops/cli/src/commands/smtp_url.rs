//! An SMTP account as one line: `smtp://me%40example.com:password@smtp.example.com:587`.

use std::borrow::Cow;

use domain::senders::TlsMode;
use percent_encoding::percent_decode_str;
use reqwest::Url;

/// What such a line says.
#[derive(Clone)]
pub struct SmtpUrl {
    pub host: String,
    pub port: u16,
    pub tls: TlsMode,
    pub username: Option<String>,
    pub password: Option<String>,
}

/// `smtp` is upgraded by STARTTLS, `smtps` is TLS from the first byte, `smtp+plain` has no protection.
pub fn parse(text: &str) -> Result<SmtpUrl, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let (tls, usual_port) = match url.scheme() {
        "smtp" => (TlsMode::Starttls, 587),
        "smtps" => (TlsMode::Tls, 465),
        "smtp+plain" => (TlsMode::None, 25),
        _ => return Err("it begins with smtp:// (STARTTLS), smtps:// (TLS) or smtp+plain:// (neither)".to_owned()),
    };
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
    let part =
        |text: &str| percent_decode_str(text).decode_utf8().ok().filter(|text| !text.is_empty()).map(Cow::into_owned);
    Ok(SmtpUrl {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(usual_port),
        tls,
        username: part(url.username()),
        password: part(url.password().unwrap_or_default()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_all_of_an_account() {
        let read = parse("smtps://me%40example.com:p%3Aw%25@smtp.example.com").expect("well-formed");
        assert_eq!((read.host.as_str(), read.port, read.tls), ("smtp.example.com", 465, TlsMode::Tls));
        assert_eq!((read.username.as_deref(), read.password.as_deref()), (Some("me@example.com"), Some("p:w%")));
        let bare = parse("smtp+plain://127.0.0.1:2525").expect("well-formed");
        assert_eq!((bare.port, bare.tls, bare.username), (2525, TlsMode::None, None));
        for wrong in ["smtp.example.com", "http://smtp.example.com", "smtp://"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
