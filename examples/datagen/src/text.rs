//! Numbers as text, by hand: the standard formatter would take most of the time.

/// One line of LibSVM; the values are hundred-thousandths.
pub(crate) fn line(positive: bool, columns: &[u32], values: &[i32], text: &mut Vec<u8>) {
    text.extend_from_slice(if positive { b"+1" } else { b"-1" });
    for (column, &value) in columns.iter().zip(values) {
        text.push(b' ');
        integer(column + 1, text);
        text.extend_from_slice(if value < 0 { b":-" } else { b":" });
        let value = value.unsigned_abs();
        integer(value / 100_000, text);
        // The leading 1 keeps the zeros after the point, and gives its place to the point.
        let point = text.len();
        integer(100_000 + value % 100_000, text);
        text[point] = b'.';
    }
    text.push(b'\n');
}

fn integer(mut number: u32, text: &mut Vec<u8>) {
    let mut digits = [0u8; 10];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[from..]);
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_as_libsvm_has_them() {
        let mut text = Vec::new();
        super::line(true, &[0, 9, 4_294_967_294], &[1, -123_456, 100_000], &mut text);
        super::line(false, &[], &[], &mut text);
        assert_eq!(String::from_utf8(text).unwrap(), "+1 1:0.00001 10:-1.23456 4294967295:1.00000\n-1\n");
    }
}
