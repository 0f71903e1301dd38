//! A daemon for tests of what a real one does at no one's command: losing an answer, answering late or out of order.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

use super::frame;
use crate::{
    credentials::Token,
    proto::rpc::{
        IpcConnectionContext, RequestHeader, RpcRequestHeader, RpcResponseHeader, RpcSasl, RpcStatus,
        SaslAuth, SaslState,
    },
    sasl::{self, Layer, Protection, server},
};

/// What a call is answered with.
pub(crate) enum Reply {
    Message(Vec<u8>),
    /// Class and message; the connection stays.
    Exception(&'static str, &'static str),
    /// The same, fatal and with call id -1, as Hadoop reports failures of the connection.
    Fatal(&'static str, &'static str),
    /// No answer until another call is answered by [`Reply::Release`].
    Hold,
    /// Answers this call, then the held ones, newest first, each with the same message.
    Release(Vec<u8>),
    HangUp,
}

impl Reply {
    pub(crate) fn message(message: &impl Message) -> Self {
        Self::Message(message.encode_to_vec())
    }
}

pub(crate) type Guard = Option<(Token, Protection)>;

pub(crate) struct Fake {
    pub(crate) address: String,
    pub(crate) connections: Arc<AtomicUsize>,
    /// Users named in the contexts, and pings as "ping".
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Fake {
    /// `answer` gets the method and the request's bytes.
    pub(crate) async fn start(
        guard: Guard,
        answer: impl FnMut(&str, Bytes) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (connections, seen) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<String>>>::default());
        let answer = Arc::new(Mutex::new(answer));
        let (counter, log) = (Arc::clone(&connections), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            let mut sessions = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let (guard, answer, log) = (guard.clone(), Arc::clone(&answer), Arc::clone(&log));
                sessions.spawn(async move {
                    let mut session =
                        Session { stream, unread: BytesMut::new(), plain: BytesMut::new(), layer: None };
                    let mut answer = |method: &str, body| (answer.lock().unwrap())(method, body);
                    let _ = session.run(guard, &mut answer, &log).await;
                });
            }
        });
        Self { address, connections, seen, task: task.abort_handle() }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Session {
    stream: TcpStream,
    unread: BytesMut,
    plain: BytesMut,
    layer: Option<Layer>,
}

impl Session {
    /// `None` = the peer went away.
    async fn run(
        &mut self,
        guard: Guard,
        answer: &mut (impl FnMut(&str, Bytes) -> Reply + Send),
        log: &Mutex<Vec<String>>,
    ) -> Option<()> {
        let mut preamble = [0; 7];
        self.stream.read_exact(&mut preamble).await.ok()?;
        assert_eq!(preamble, frame::preamble(guard.is_some()));
        if let Some((token, protection)) = &guard {
            self.authenticate(token, *protection).await?;
        }
        let mut held = Vec::new();
        loop {
            let mut request = self.next().await?;
            let header = RpcRequestHeader::decode_length_delimited(&mut request).unwrap();
            match header.call_id {
                -3 => {
                    let context = IpcConnectionContext::decode_length_delimited(&mut request).unwrap();
                    let user = context.user.and_then(|user| user.effective_user);
                    assert_eq!(user.is_some(), guard.is_none());
                    log.lock().unwrap().extend(user);
                }
                -4 => log.lock().unwrap().push("ping".into()),
                call => {
                    let what = RequestHeader::decode_length_delimited(&mut request).unwrap();
                    let length = prost::decode_length_delimiter(&mut request).unwrap();
                    assert_eq!(length, request.remaining());
                    match answer(&what.method, request) {
                        Reply::Message(message) => self.answer(call, &message).await?,
                        Reply::Exception(class, text) => {
                            self.fail(call, RpcStatus::Error, class, text).await?
                        }
                        Reply::Fatal(class, text) => self.fail(-1, RpcStatus::Fatal, class, text).await?,
                        Reply::Hold => held.push(call),
                        Reply::Release(message) => {
                            for call in std::iter::once(call).chain(held.drain(..).rev()) {
                                self.answer(call, &message).await?;
                            }
                        }
                        Reply::HangUp => return None,
                    }
                }
            }
        }
    }

    async fn authenticate(&mut self, token: &Token, protection: Protection) -> Option<()> {
        let auth = SaslAuth {
            method: "TOKEN".into(),
            mechanism: "DIGEST-MD5".into(),
            protocol: Some(String::new()),
            server_id: Some("default".into()),
            challenge: Some(server::challenge(protection)),
        };
        self.sasl().await?;
        self.say(SaslState::Negotiate, None, vec![auth]).await?;
        let reply = self.sasl().await?.token.unwrap();
        let Some((proof, layer)) = server::accept(token, protection, &reply) else {
            self.fail(frame::SASL_CALL, RpcStatus::Fatal, "javax.security.sasl.SaslException", "wrong")
                .await?;
            return None;
        };
        self.say(SaslState::Success, Some(proof), vec![]).await?;
        self.layer = layer;
        Some(())
    }

    async fn sasl(&mut self) -> Option<RpcSasl> {
        let mut frame = self.raw().await?;
        let header = RpcRequestHeader::decode_length_delimited(&mut frame).unwrap();
        assert_eq!(header.call_id, frame::SASL_CALL);
        Some(RpcSasl::decode_length_delimited(&mut frame).unwrap())
    }

    async fn say(&mut self, state: SaslState, token: Option<Bytes>, auths: Vec<SaslAuth>) -> Option<()> {
        let message = RpcSasl { version: None, state: state.into(), token, auths };
        let frame = response(success(frame::SASL_CALL), Some(&message.encode_to_vec()));
        self.stream.write_all(&frame).await.ok()
    }

    async fn answer(&mut self, call: i32, message: &[u8]) -> Option<()> {
        self.send(response(success(call), Some(message))).await
    }

    async fn fail(&mut self, call: i32, status: RpcStatus, class: &str, text: &str) -> Option<()> {
        let header = RpcResponseHeader {
            status: status.into(),
            exception_class: Some(class.into()),
            error_message: Some(format!("{class}: {text}\n\tat Some.java")),
            ..success(call)
        };
        self.send(response(header, None)).await
    }

    async fn send(&mut self, frame: Vec<u8>) -> Option<()> {
        match &mut self.layer {
            None => self.stream.write_all(&frame).await.ok(),
            Some(layer) => {
                // Two pieces, to show that a frame may come in several.
                let (first, second) = frame.split_at(frame.len() / 2);
                for piece in [first, second] {
                    let wrap = sasl::wrapped(layer.sealer.seal(piece)).encode_to_vec();
                    self.stream.write_all(&response(success(frame::SASL_CALL), Some(&wrap))).await.ok()?;
                }
                Some(())
            }
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.layer.is_none() {
                return self.raw().await;
            }
            if let Some(frame) = frame::next(&mut self.plain, frame::MAX_FRAME).unwrap() {
                return Some(frame);
            }
            let sealed = self.sasl().await?.token.unwrap();
            assert!(sealed.len() <= 65536);
            let opened = self.layer.as_mut()?.opener.open(&sealed).unwrap();
            self.plain.extend_from_slice(&opened);
        }
    }

    async fn raw(&mut self) -> Option<Bytes> {
        loop {
            if let Some(frame) = frame::next(&mut self.unread, frame::MAX_FRAME).unwrap() {
                return Some(frame);
            }
            if self.stream.read_buf(&mut self.unread).await.ok()? == 0 {
                return None;
            }
        }
    }
}

fn success(call: i32) -> RpcResponseHeader {
    RpcResponseHeader {
        call_id: call.cast_unsigned(),
        status: RpcStatus::Success.into(),
        ..Default::default()
    }
}

fn response(header: RpcResponseHeader, message: Option<&[u8]>) -> Vec<u8> {
    let mut parts = header.encode_length_delimited_to_vec();
    if let Some(message) = message {
        prost::encode_length_delimiter(message.len(), &mut parts).unwrap();
        parts.put_slice(message);
    }
    let mut frame = u32::try_from(parts.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(parts);
    frame
}
