//! Authentication by token, as Hadoop's SASL does it: a negotiation in four messages, then perhaps a security layer.
//!
//! The ResourceManager's scheduler and the NodeManagers demand it on every cluster, also where
//! `hadoop.security.authentication` is `simple`. Only DIGEST-MD5 is spoken (Hadoop's default and, up to 3.4, only choice).
//! Source: `org.apache.hadoop.security.SaslRpcClient`.

mod challenge;
mod digest;
mod layer;
#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::{
    credentials::Token,
    error::{Error, Result},
    proto::rpc::{RpcSasl, SaslAuth, SaslState},
};
use {challenge::Challenge, digest::Exchange};

#[cfg(test)]
pub(crate) use challenge::{Cipher, Protection};
pub(crate) use layer::{Layer, Opener, Sealer};

const METHOD: &str = "TOKEN";
const MECHANISM: &str = "DIGEST-MD5";

/// The client's side of one authentication. No IO: [`Negotiation::step`] takes each message of the server.
pub(crate) struct Negotiation<'a> {
    token: &'a Token,
    state: State,
}

/// What to do after a message of the server.
#[derive(Debug)]
pub(crate) enum Step {
    Send(RpcSasl),
    /// Both sides have proven that they know the token's password. All that follows goes through the layer, if there is one.
    Done(Option<Layer>),
}

enum State {
    /// Waits for the server's list of methods.
    Offered,
    /// The list held no challenge: waits for it. Holds the entry chosen.
    Initiated(SaslAuth),
    /// Waits for the server's proof.
    Answered(Exchange),
    Over,
}

impl<'a> Negotiation<'a> {
    pub(crate) fn new(token: &'a Token) -> Self {
        Self { token, state: State::Offered }
    }

    /// The message that begins it.
    pub(crate) fn first() -> RpcSasl {
        message(SaslState::Negotiate, None, Vec::new())
    }

    /// Takes a message of the server.
    ///
    /// # Errors
    /// No method in common, a message out of order, or a server that does not know the password.
    pub(crate) fn step(&mut self, answer: RpcSasl) -> Result<Step> {
        let state = SaslState::try_from(answer.state);
        match (std::mem::replace(&mut self.state, State::Over), state) {
            (State::Offered, Ok(SaslState::Negotiate)) => self.initiate(answer.auths),
            (State::Initiated(auth), Ok(SaslState::Challenge)) => {
                let reply = self.reply(&answer.token.unwrap_or_default(), &auth)?;
                Ok(Step::Send(message(SaslState::Response, Some(reply), Vec::new())))
            }
            (State::Answered(exchange), Ok(SaslState::Success)) => {
                exchange.verify(&answer.token.unwrap_or_default())?;
                Ok(Step::Done(exchange.layer()))
            }
            // Going on without authentication would tell the call's secrets to whoever answers there.
            (State::Offered, Ok(SaslState::Success)) => Err(Error::authentication(
                "the server does not ask for a token: it is no YARN service, or not the one meant",
            )),
            (_, state) => {
                Err(Error::authentication(format!("unexpected answer {state:?} in the negotiation")))
            }
        }
    }

    fn initiate(&mut self, offers: Vec<SaslAuth>) -> Result<Step> {
        let chosen = offers.iter().find(|offer| offer.method == METHOD && offer.mechanism == MECHANISM);
        let Some(offer) = chosen else {
            let names: Vec<String> =
                offers.iter().map(|offer| format!("{}/{}", offer.method, offer.mechanism)).collect();
            return Err(Error::authentication(format!(
                "the server offers {names:?}, not {METHOD}/{MECHANISM}"
            )));
        };
        // The server compares our choice with its list, in which challenges do not count.
        let mut auth = offer.clone();
        let reply = match auth.challenge.take() {
            Some(challenge) => self.reply(&challenge, &auth)?,
            None => {
                self.state = State::Initiated(auth.clone());
                Bytes::new()
            }
        };
        Ok(Step::Send(message(SaslState::Initiate, Some(reply), vec![auth])))
    }

    fn reply(&mut self, challenge: &[u8], auth: &SaslAuth) -> Result<Bytes> {
        let challenge = Challenge::parse(challenge)?;
        let uri =
            format!("{}/{}", auth.protocol.as_deref().unwrap_or(""), auth.server_id.as_deref().unwrap_or(""));
        let (exchange, reply) = Exchange::answer(self.token, challenge, &uri, &digest::fresh_nonce()?)?;
        self.state = State::Answered(exchange);
        Ok(reply)
    }
}

/// A sealed piece of the byte stream, ready for its frame.
pub(crate) fn wrapped(sealed: Vec<u8>) -> RpcSasl {
    message(SaslState::Wrap, Some(sealed.into()), Vec::new())
}

fn message(state: SaslState, token: Option<Bytes>, auths: Vec<SaslAuth>) -> RpcSasl {
    RpcSasl { version: None, state: state.into(), token, auths }
}
