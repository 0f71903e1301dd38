//! One request to whichever ResourceManager works, with deadlines and caps.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use super::RestError;
use super::json::Fields;

/// A standby points at the active one: that is one step, and two while they change places.
const MAX_REDIRECTS: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The message of a refusal that has none.
pub(super) const NO_REASON: &str = "no reason given";

/// What is known about the servers, and how to ask them.
pub(super) struct Transport {
    pub(super) client: Client,
    pub(super) servers: Vec<Url>,
    /// The server that answered last: asked first.
    pub(super) preferred: AtomicUsize,
    pub(super) user: Option<String>,
    pub(super) delegation_token: Option<String>,
    pub(super) timeout: Duration,
    pub(super) patience: Duration,
    /// The longest answer that is read, in bytes.
    pub(super) max_answer: usize,
}

/// An answer that is no error.
pub(super) struct Answer {
    /// Method and address, for messages.
    pub(super) request: String,
    pub(super) status: StatusCode,
    body: Vec<u8>,
}

/// What became of one try.
enum Failure {
    /// This server does not work now: another one may, or this one later.
    Elsewhere(String),
    Final(RestError),
}

impl Transport {
    /// Asks each server in turn, again and again, until one answers or `patience` is over.
    ///
    /// All of YARN's requests may be repeated: the same id submitted twice, or killed twice, counts once.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, RestError> {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let first = self.preferred.load(Ordering::Relaxed);
            let mut last = String::new();
            for step in 0..self.servers.len() {
                let index = (first + step) % self.servers.len();
                let url = self.url(&self.servers[index], path, query);
                match self.ask_one(&method, url, body).await {
                    Ok(answer) => {
                        self.preferred.store(index, Ordering::Relaxed);
                        return Ok(answer);
                    }
                    Err(Failure::Final(error)) => return Err(error),
                    Err(Failure::Elsewhere(reason)) => last = reason,
                }
            }
            let elapsed = began.elapsed();
            if elapsed + pause > self.patience {
                return Err(RestError::Unreachable { last, elapsed });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn url(&self, server: &Url, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = server.clone();
        url.set_path(path);
        let user = self.user.as_deref().map(|user| ("user.name", user));
        let pairs: Vec<_> = query.iter().copied().chain(user).collect();
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        url
    }

    async fn ask_one(&self, method: &Method, mut url: Url, body: Option<&Value>) -> Result<Answer, Failure> {
        for _ in 0..=MAX_REDIRECTS {
            // The address without the query: that has the user in it, and is long.
            let request = format!("{method} {}{}", url.origin().ascii_serialization(), url.path());
            let sent = self.request(method, &url, body).send().await;
            let response = sent.map_err(|error| failure(&request, error))?;
            if response.status().is_redirection() {
                url = self.redirected(&request, &url, &response)?;
                continue;
            }
            let status = response.status();
            let bytes = read(&request, response, self.max_answer).await?;
            return answer(request, status, bytes);
        }
        Err(Failure::Elsewhere(format!("{url} redirects in a circle")))
    }

    fn request(&self, method: &Method, url: &Url, body: Option<&Value>) -> RequestBuilder {
        let mut request = self.client.request(method.clone(), url.clone()).timeout(self.timeout);
        request = request.header(ACCEPT, "application/json");
        if let Some(token) = &self.delegation_token {
            request = request.header("X-Hadoop-Delegation-Token", token);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        request
    }

    /// Where a standby sends us. Other redirects lead to pages for people.
    fn redirected(&self, request: &str, from: &Url, response: &Response) -> Result<Url, Failure> {
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let mut url = location.and_then(|location| from.join(location).ok());
        if let Some(url) = url.as_mut().filter(|url| url.query().is_none()) {
            // The user is in it.
            url.set_query(from.query());
        }
        let same_method = matches!(response.status().as_u16(), 307 | 308);
        let refused = |message: String| {
            let status = response.status().as_u16();
            Failure::Final(RestError::Refused { request: request.into(), status, message })
        };
        let Some(url) = url.filter(|_| same_method) else {
            return Err(refused(format!("it redirects to {}", location.unwrap_or("nowhere"))));
        };
        if self.delegation_token.is_some() && from.scheme() == "https" && url.scheme() != "https" {
            return Err(refused(format!(
                "it redirects to {url}, where the delegation token would go in clear"
            )));
        }
        Ok(url)
    }
}

impl Answer {
    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, RestError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| self.malformed(format!("the answer is not JSON: {error}")))
    }

    pub(super) fn malformed(&self, message: String) -> RestError {
        RestError::Malformed { request: self.request.clone(), message }
    }
}

fn failure(request: &str, error: reqwest::Error) -> Failure {
    // reqwest's own text repeats the address and hides the cause: tell the innermost one.
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let reason = if error.is_timeout() { "no answer in time".into() } else { cause.to_string() };
    if error.is_builder() {
        let address = error.url().map(Url::to_string).unwrap_or_default();
        return Failure::Final(RestError::BadAddress { address, reason });
    }
    Failure::Elsewhere(format!("{request}: {reason}"))
}

async fn read(request: &str, mut response: Response, max: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(request, error))? {
        if bytes.len() + chunk.len() > max {
            let message = format!("the answer is longer than {max} bytes");
            return Err(Failure::Final(RestError::Malformed { request: request.into(), message }));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn answer(request: String, status: StatusCode, body: Vec<u8>) -> Result<Answer, Failure> {
    if status.is_success() {
        // A standby that knows no active one says so with status 200.
        let start = &body[..body.len().min(200)];
        let standby = [&b"There is no active RM"[..], b"Can not find any active RM", b"This is standby RM"];
        if standby.iter().any(|text| start.starts_with(text)) {
            return Err(Failure::Elsewhere(format!("{request}: {}", sentence(&body))));
        }
        return Ok(Answer { request, status, body });
    }
    if matches!(status.as_u16(), 502..=504) {
        return Err(Failure::Elsewhere(format!("{request}: {status}: {}", sentence(&body))));
    }
    Err(Failure::Final(refusal(request, status, &body)))
}

fn refusal(request: String, status: StatusCode, body: &[u8]) -> RestError {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let exception = Fields(&json).of("RemoteException");
    let message = match exception.text_or_none("message") {
        // The class of the inner exception says nothing to people.
        Some(message) => message.strip_prefix("java.lang.Exception: ").unwrap_or(&message).to_string(),
        None => Fields(&json).text_or_none("message").unwrap_or_else(|| sentence(body)),
    };
    let status = status.as_u16();
    if status == 403 && message.contains("via REST is disabled") {
        return RestError::SubmissionDisabled { request, message };
    }
    if status == 401 {
        return RestError::Unauthorized { request, message };
    }
    match exception.text_or_none("exception") {
        Some(class) => RestError::Remote { request, status, class, message },
        None => RestError::Refused { request, status, message },
    }
}

/// What a page for people says, in one line: Jetty's message, else the title, else the beginning of the text.
fn sentence(page: &[u8]) -> String {
    let text = String::from_utf8_lossy(&page[..page.len().min(64 << 10)]);
    let between = |start: &str, end: &str| Some(text.split_once(start)?.1.split_once(end)?.0);
    let told =
        between("MESSAGE:</th><td>", "</td>").or_else(|| between("<title>", "</title>")).unwrap_or(&text);
    let mut in_tag = false;
    let plain: String = told
        .chars()
        .filter(|character| {
            in_tag |= *character == '<';
            let keep = !in_tag;
            in_tag &= *character != '>';
            keep
        })
        .collect();
    let line: String = plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    if line.is_empty() { NO_REASON.into() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_sentences() {
        let jetty = "<html><head><title>Error 401 Unauthorized</title></head><table><tr><th>MESSAGE:</th>\
                     <td>Authentication <b>required</b></td></tr></table>";
        assert_eq!(sentence(jetty.as_bytes()), "Authentication required");
        assert_eq!(sentence(b"<html>\n <title>\n Sorry, got error 404\n </title>"), "Sorry, got error 404");
        assert_eq!(sentence(b"<p>plain\n  text"), "plain text");
        assert_eq!(sentence(b""), "no reason given");
        assert_eq!(sentence(&vec![b'x'; 1 << 20]).len(), 300);
    }
}
