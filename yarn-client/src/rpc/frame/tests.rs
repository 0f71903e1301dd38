//! Golden bytes, written out by hand from the protocol's description.

use proptest::prelude::*;

use super::*;
use crate::proto::{
    rpc::{RpcStatus, SaslState},
    service::{AllocateResponse, FinishRequest, StartContainersResponse},
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn client() -> Bytes {
    Bytes::from_static(&[0xAB; 16])
}

const CLIENT: &str = "2210abababababababababababababababab";

#[test]
fn a_connection_begins_with_seven_bytes() {
    assert_eq!(hex(&preamble(true)), "687270630900df");
    assert_eq!(hex(&preamble(false)), "68727063090000");
}

#[test]
fn a_request_is_three_messages() {
    let message = FinishRequest { final_status: Some(0), ..Default::default() };
    let frame = request(1, &client(), "p.Q", "m", &message).unwrap();
    // kind 2, operation 0 (sent although zero), call 1 in zigzag, client, retry 0; then m, p.Q, version 1; then field 3 = 0.
    let header = format!("1a0802 1000 1802 {CLIENT} 2800");
    let expected = format!("00000029 {header} 0a 0a016d 1203702e51 1801 02 1800").replace(' ', "");
    assert_eq!(hex(&frame), expected);
}

#[test]
fn a_context_names_a_user_only_when_told() {
    let named = context(&client(), "p", Some("u")).unwrap();
    let tail = |frame: &Bytes| hex(&frame[frame.len() - 8..]);
    assert_eq!(tail(&named), "12030a01751a0170");
    let unnamed = context(&client(), "p", None).unwrap();
    // Call -3 is 5 in zigzag, retry -1 is 1.
    assert_eq!(hex(&unnamed), format!("0000001f1a080210001805{CLIENT}2801031a0170"));
}

#[test]
fn a_ping_is_a_header_alone() {
    assert_eq!(hex(&ping(&client()).unwrap()), format!("0000001b1a080210001807{CLIENT}2801"));
}

#[test]
fn a_sasl_frame_has_no_client() {
    let negotiate =
        RpcSasl { version: None, state: SaslState::Negotiate.into(), token: None, auths: Vec::new() };
    // Call -33 is 65 in zigzag.
    assert_eq!(hex(&sasl(&negotiate).unwrap()), "0000000e0a080210001841220028010210 01".replace(' ', ""));
}

#[test]
fn an_answer_is_taken_apart() {
    // Call 5, success, version 9, then a message with field 1 = true.
    let answer = Response::parse(Bytes::from_static(&[6, 0x08, 5, 0x10, 0, 0x18, 9, 2, 0x08, 1])).unwrap();
    assert_eq!((answer.call(), answer.header.status()), (5, RpcStatus::Success));
    let message: crate::proto::service::FinishResponse = answer.message().unwrap();
    assert_eq!(message.unregistered, Some(true));
    // A failure of the whole connection: call -33 as an unsigned number.
    let fatal = [11, 0x08, 0xDF, 0xFF, 0xFF, 0xFF, 0x0F, 0x10, 2, 0x22, 1, b'C'];
    let answer = Response::parse(Bytes::copy_from_slice(&fatal)).unwrap();
    assert_eq!((answer.call(), answer.header.status()), (SASL_CALL, RpcStatus::Fatal));
    assert_eq!(answer.header.exception_class(), "C");
}

#[test]
fn a_frame_of_four_gigabytes_is_refused_before_it_is_reserved() {
    let mut buffer = BytesMut::from(&[0xFF; 5][..]);
    let before = buffer.capacity();
    let error = next(&mut buffer, MAX_FRAME).unwrap_err();
    assert!(error.to_string().contains("4294967295"), "{error}");
    assert_eq!(buffer.capacity(), before);
    assert!(
        next(&mut BytesMut::from("HTTP/1.1 404"), MAX_FRAME).unwrap_err().to_string().contains("web page")
    );
}

#[test]
fn frames_are_taken_as_they_become_whole() {
    let mut buffer = BytesMut::new();
    for byte in [0, 0, 0, 2, 7] {
        buffer.put_u8(byte);
        assert_eq!(next(&mut buffer, 100).unwrap(), None);
    }
    buffer.extend_from_slice(&[8, 0, 0, 0, 0, 9]);
    assert_eq!(next(&mut buffer, 100).unwrap().unwrap(), Bytes::from_static(&[7, 8]));
    assert_eq!(next(&mut buffer, 100).unwrap().unwrap(), Bytes::new());
    assert_eq!(next(&mut buffer, 100).unwrap(), None);
    assert_eq!(&buffer[..], [9]);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut buffer = BytesMut::from(&bytes[..]);
        while let Ok(Some(frame)) = next(&mut buffer, MAX_FRAME) {
            let _ = Response::parse(frame);
        }
        if let Ok(answer) = Response::parse(bytes.clone().into()) {
            let _ = (answer.message::<AllocateResponse>(), answer.message::<StartContainersResponse>(), answer.message::<RpcSasl>());
        }
        let _ = (AllocateResponse::decode(&bytes[..]), StartContainersResponse::decode(&bytes[..]));
    }
}
