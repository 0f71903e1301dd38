use super::*;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// What Hadoop 3.4.2 writes for [`sample`]: version 0 from here on, and version 1 by other bytes around the same fields.
fn hadoop_writable() -> Vec<u8> {
    let parts: [&[u8]; 8] = [
        b"HDTS\x00\x01\x02nn\x8f\x82",
        &sample_identifier(),
        b"\x02pw\x15HDFS_DELEGATION_TOKEN",
        b"\x0d10.0.0.1:8020",
        b"\x01",
        b"\x0aschl\xc3\xbcssel",
        b"\x03",
        &[1, 2, 3],
    ];
    parts.concat()
}

fn hadoop_protobuf() -> Vec<u8> {
    let parts: [&[u8]; 8] = [
        b"HDTS\x01\xcc\x01\x0a\xb6\x01\x0a\x02nn\x12\xaf\x01\x0a\x82\x01",
        &sample_identifier(),
        b"\x12\x02pw\x1a\x15HDFS_DELEGATION_TOKEN",
        b"\x22\x0d10.0.0.1:8020",
        b"\x12\x11",
        b"\x0a\x0aschl\xc3\xbcssel",
        b"\x1a\x03",
        &[1, 2, 3],
    ];
    parts.concat()
}

/// What `Token.encodeToUrlString` of Hadoop 3.4.2 returns for [`sample_token`].
const HADOOP_URL_STRING: &str = "j4IAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4_\
    QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1-f4CBAnB3FUhERlNfREVMRUdBVElPTl9U\
    T0tFTg0xMC4wLjAuMTo4MDIw";

/// Long enough that its length needs two bytes.
fn sample_identifier() -> Vec<u8> {
    (0..130).collect()
}

fn sample_token() -> Token {
    Token {
        identifier: sample_identifier(),
        password: b"pw".to_vec(),
        kind: kind::HDFS_DELEGATION.into(),
        service: "10.0.0.1:8020".into(),
    }
}

fn sample() -> Credentials {
    Credentials {
        tokens: [("nn".into(), sample_token())].into(),
        secrets: [("schlüssel".into(), vec![1, 2, 3])].into(),
    }
}

#[test]
fn writes_what_hadoop_writes() {
    assert_eq!(sample().to_bytes(FileFormat::Writable), hadoop_writable());
    assert_eq!(sample().to_bytes(FileFormat::Protobuf), hadoop_protobuf());
    assert_eq!(sample_token().to_url_string(), HADOOP_URL_STRING);
}

#[test]
fn reads_what_hadoop_writes_and_ignores_what_follows() {
    for bytes in [hadoop_writable(), hadoop_protobuf()] {
        assert_eq!(Credentials::from_bytes(&bytes), Ok(sample()));
        assert_eq!(Credentials::from_bytes(&[bytes, vec![0; 40]].concat()), Ok(sample()));
    }
}

#[test]
fn reads_url_strings_in_every_spelling() {
    let other_alphabet = HADOOP_URL_STRING.replace('-', "+").replace('_', "/");
    for text in [HADOOP_URL_STRING.to_string(), format!("{HADOOP_URL_STRING}=="), other_alphabet] {
        assert_eq!(Token::from_url_string(&text), Ok(sample_token()));
    }
    assert!(matches!(Token::from_url_string("?"), Err(MalformedCredentials::Base64(_))));
    assert!(matches!(Token::from_url_string(""), Err(MalformedCredentials::Truncated { .. })));
}

#[test]
fn says_what_is_wrong() {
    let error = |bytes: &[u8]| Credentials::from_bytes(bytes).unwrap_err();
    assert_eq!(error(b""), MalformedCredentials::NotCredentials);
    assert_eq!(error(b"HDTX\x00"), MalformedCredentials::NotCredentials);
    assert_eq!(error(b"HDTS\x07"), MalformedCredentials::UnknownVersion(7));
    assert_eq!(error(b"HDTS").to_string(), "the format version at byte 4 is cut off or its length is wrong");
    let cut = error(&hadoop_writable()[..30]);
    assert_eq!(cut.to_string(), "the identifier of a token at byte 9 is cut off or its length is wrong");
    let negative = error(b"HDTS\x00\x01\x00\xff");
    assert_eq!(negative, MalformedCredentials::Truncated { field: "identifier of a token", offset: 7 });
    let not_text = error(b"HDTS\x00\x01\x01\xff");
    assert_eq!(not_text, MalformedCredentials::NotText { field: "alias of a token", offset: 6 });
}

#[test]
fn claimed_lengths_allocate_nothing() {
    // 2 GiB tokens, and one token of 2 GiB, in a file of a few bytes.
    for bytes in [
        &b"HDTS\x00\x8c\x7f\xff\xff\xff"[..],
        b"HDTS\x00\x01\x00\x8c\x7f\xff\xff\xff",
        b"HDTS\x01\xff\xff\xff\xff\x07",
    ] {
        assert!(Credentials::from_bytes(bytes).is_err());
    }
}

#[test]
fn tokens_are_found_by_kind_and_the_masters_own_stays_with_it() {
    let mut credentials = sample();
    let own = Token { kind: kind::AM_RM.into(), ..Token::default() };
    credentials.tokens.insert(String::new(), own.clone());
    assert_eq!(credentials.token_of_kind(kind::AM_RM), Some(&own));
    assert_eq!(credentials.token_of_kind(kind::HDFS_DELEGATION), Some(&sample_token()));
    assert_eq!(credentials.for_containers(), sample());
}

#[test]
fn debug_tells_no_secret() {
    let mut credentials = sample();
    credentials.secrets.insert("key".into(), b"hush".to_vec());
    let text = format!("{credentials:?} {:?}", credentials.tokens);
    assert!(text.contains("HDFS_DELEGATION_TOKEN") && text.contains("key"), "{text}");
    assert!(!text.contains("pw") && !text.contains("112, 119") && !text.contains("104, 117"), "{text}");
}

#[test]
fn files_are_private_and_replaced_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("container_tokens");
    std::fs::write(&path, "old").unwrap();
    for format in [FileFormat::Writable, FileFormat::Protobuf] {
        sample().write_file(&path, format).unwrap();
        assert_eq!(Credentials::read_file(&path).unwrap(), sample());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let missing = Credentials::read_file(&folder.path().join("none")).unwrap_err();
    assert!(matches!(&missing, CredentialsError::Io { path, .. } if path.ends_with("none")), "{missing}");
}

fn any_credentials() -> impl Strategy<Value = Credentials> {
    let bytes = || vec(any::<u8>(), 0..300);
    let token = (bytes(), bytes(), ".{0,20}", ".{0,200}")
        .prop_map(|(identifier, password, kind, service)| Token { identifier, password, kind, service });
    (btree_map(".{0,9}", token, 0..4), btree_map(".{0,9}", bytes(), 0..4))
        .prop_map(|(tokens, secrets)| Credentials { tokens, secrets })
}

proptest! {
    #[test]
    fn both_formats_round_trip(credentials in any_credentials(), rest in vec(any::<u8>(), 0..20)) {
        for format in [FileFormat::Writable, FileFormat::Protobuf] {
            let mut bytes = credentials.to_bytes(format);
            bytes.extend(&rest);
            prop_assert_eq!(Credentials::from_bytes(&bytes), Ok(credentials.clone()));
        }
        for token in credentials.tokens.values() {
            prop_assert_eq!(Token::from_url_string(&token.to_url_string()), Ok(token.clone()));
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(version in 0..3u8, bytes in vec(any::<u8>(), 0..200)) {
        let _ = Credentials::from_bytes(&bytes);
        let _ = Credentials::from_bytes(&[b"HDTS".as_slice(), &[version], &bytes].concat());
    }

    #[test]
    fn damaged_files_are_read_without_a_panic(credentials in any_credentials(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        for format in [FileFormat::Writable, FileFormat::Protobuf] {
            let mut bytes = credentials.to_bytes(format);
            let index = at.index(bytes.len());
            bytes[index] = byte;
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = Credentials::from_bytes(&bytes);
        }
    }

    #[test]
    fn any_text_is_read_as_a_url_string_without_a_panic(text in "[A-Za-z0-9_=/+-]{0,60}|.{0,20}") {
        let _ = Token::from_url_string(&text);
    }
}
