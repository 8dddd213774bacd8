use std::time::{Duration, UNIX_EPOCH};

use super::*;

fn full() -> Head {
    let mut head = Head::new(
        Key::new("ключ/7").unwrap(),
        WriteId::from_bytes([9; 16]),
        UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123_456_789),
    );
    head.predecessors = (1..=8).map(|n| WriteId::from_bytes([n; 16])).collect();
    head.expires = Some(UNIX_EPOCH + Duration::from_secs(5_000_000_000));
    head.attributes = Attributes::new().content_type("text/plain").set("a", "b");
    head
}

#[test]
fn what_is_written_is_read() {
    let mut parted = full();
    parted.parts = Some(Parts { id: [5; 16], part_len: 16_368 });
    let mut system = full();
    system.key = system::key("marker").unwrap();
    for head in
        [full(), parted, system, Head::new(Key::new("k").unwrap(), WriteId::from_bytes([0; 16]), UNIX_EPOCH)]
    {
        let bytes = head.encode().unwrap();
        assert_eq!(Head::head_len(&bytes).unwrap(), bytes.len());
        for expected in [None, Some(&head.key)] {
            assert_eq!(Head::decode(&bytes, expected).unwrap(), (head.clone(), bytes.len()));
        }
    }
}

#[test]
fn the_longest_head_is_as_long_as_it_says() {
    let mut head = full();
    head.key = Key::new("k".repeat(Key::MAX_LEN)).unwrap();
    head.parts = Some(Parts { id: [0; 16], part_len: 1 });
    head.attributes = Attributes::new().set("n", "x".repeat(MAX_ATTRIBUTES - 8));
    assert_eq!(head.encode().unwrap().len() + 255, MAX_HEAD);
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let head = full();
    let record = head.encode_with(b"some bytes").unwrap();
    let read = |bytes: &[u8]| -> Result<Vec<u8>> {
        let whole = Head::decode_record(bytes, &head.key).map(|(_, raw)| raw.to_vec());
        let steps = Head::decode(bytes, Some(&head.key));
        let steps = steps.and_then(|(head, len)| head.open(&bytes[len..]).map(<[u8]>::to_vec));
        assert_eq!(whole.is_ok(), steps.is_ok());
        whole
    };
    assert_eq!(read(&record).unwrap(), b"some bytes");
    for bit in 0..record.len() * 8 {
        let mut flipped = record.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(read(&flipped).unwrap_err().kind(), ErrorKind::Corrupt, "bit {bit}");
    }
    for len in 0..record.len() {
        assert_eq!(read(&record[..len]).unwrap_err().kind(), ErrorKind::Corrupt, "{len} bytes");
    }
    let mut longer = record.clone();
    longer.push(0);
    assert!(read(&longer).is_err());
}

#[test]
fn the_value_of_another_key_is_damage() {
    let record = full().encode().unwrap();
    let other = Key::new("other").unwrap();
    assert_eq!(Head::decode(&record, Some(&other)).unwrap_err().kind(), ErrorKind::Corrupt);
    let same_text = system::key(full().key.as_str()).unwrap();
    assert_eq!(Head::decode(&record, Some(&same_text)).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn a_body_of_another_write_is_damage() {
    let one = full().encode_with(b"bytes").unwrap();
    let mut other = full();
    other.write_id = WriteId::from_bytes([1; 16]);
    let other = other.encode_with(b"bytes").unwrap();
    let (head, len) = Head::decode(&one, None).unwrap();
    assert!(head.open(&one[len..]).is_ok());
    assert!(head.open(&other[len..]).is_err());
}

/// Changes a byte of the head and makes the check match again, as a later version would.
fn resealed(at: usize, byte: u8) -> Vec<u8> {
    let mut bytes = full().encode().unwrap();
    bytes[at] = byte;
    let end = bytes.len() - CHECK;
    let check = crc64(&bytes[..end]).to_le_bytes();
    bytes[end..].copy_from_slice(&check);
    bytes
}

#[test]
fn what_is_not_known_is_refused() {
    for (at, byte) in [(4, 2), (5, 3), (6, 1), (7, 1), (12, 12), (14, 1)] {
        let error = Head::decode(&resealed(at, byte), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "byte {at}");
    }
    for (at, byte) in [(13, 2), (15, 9), (15, 3), (16, 3), (18, 0), (20, 1)] {
        let error = Head::decode(&resealed(at, byte), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {at}");
    }
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let mut late = full();
    late.expires = Some(UNIX_EPOCH + Duration::from_secs(1 << 40));
    assert_eq!(late.encode().unwrap_err().kind(), ErrorKind::Invalid);
    let mut many = full();
    many.predecessors.push(WriteId::from_bytes([0; 16]));
    assert_eq!(many.encode().unwrap_err().kind(), ErrorKind::Invalid);
    let mut other_len = full();
    other_len.raw_len = 3;
    assert_eq!(other_len.encode_with(b"four").unwrap_err().kind(), ErrorKind::Invalid);
}

/// The first bytes of the format, once and for all: a reader of today reads what was written at the beginning.
#[test]
fn golden() {
    let mut head = Head::new(
        Key::new("greeting").unwrap(),
        WriteId::from_bytes(*b"0123456789abcdef"),
        UNIX_EPOCH + Duration::from_nanos(0x0102_0304_0506_0708),
    );
    head.predecessors = vec![WriteId::from_bytes(*b"fedcba9876543210")];
    head.attributes = Attributes::new().content_type("text/plain");
    let golden = include_bytes!("golden-v1.bin");
    assert_eq!(head.encode_with(b"hello").unwrap(), golden);
    let (read, len) = Head::decode(golden, Some(&head.key)).unwrap();
    assert_eq!(read.open(&golden[len..]).unwrap(), b"hello");
    assert_eq!(read.predecessors, head.predecessors);
}
