//! The pages of one column chunk, unpacked, for the parquet crate's decoders.
//!
//! The crate has such a reader of its own. This one takes memory for what is there and not for what a header claims: a page is
//! unpacked up to the size that its header names, and not a byte further.

use std::io::{self, Read};

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

use super::thrift::{DATA, DATA_2, DICTIONARY, INDEX, PageHeader};

/// The pages of a column chunk.
pub(super) struct Pages {
    bytes: Bytes,
    compression: Compression,
    /// No page of a chunk whose rows are lists may have more numbers: they are decoded a row at a time, however long that is.
    most_values: u32,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl Pages {
    /// The pages in these bytes.
    pub(super) fn new(bytes: Bytes, compression: Compression, most_values: u32) -> Self {
        Pages { bytes, compression, most_values, zstd: None }
    }

    /// The header of the next page that is not an index, and what follows it.
    fn header(&mut self) -> Result<Option<(PageHeader, usize)>> {
        loop {
            if self.bytes.is_empty() {
                return Ok(None);
            }
            let Some((header, length)) = PageHeader::read(&self.bytes) else {
                return error("expected the header of a page, found other bytes");
            };
            if header.packed > self.bytes.len() - length {
                return error("expected a page within its column, found one that ends beyond");
            }
            if header.kind != INDEX {
                return Ok(Some((header, length)));
            }
            drop(self.bytes.split_to(length + header.packed));
        }
    }

    fn unpack(&mut self, body: &Bytes, size: usize) -> Result<Bytes> {
        let claim = || general(format!("expected {size} bytes of a page, found another number of them"));
        // The most that these two can make of a byte.
        let plausible = |factor: usize| {
            if size / factor > body.len() { Err(claim()) } else { Ok(vec![0; size]) }
        };
        let unpacked = match self.compression {
            Compression::UNCOMPRESSED => return Ok(body.clone()),
            _ if size == 0 => Vec::new(),
            Compression::SNAPPY => {
                let mut unpacked = plausible(64)?;
                let length = snap::raw::Decoder::new().decompress(body, &mut unpacked).map_err(external)?;
                unpacked.truncate(length);
                unpacked
            }
            Compression::GZIP(_) => unpack_stream(flate2::bufread::MultiGzDecoder::new(&body[..]), size)?,
            Compression::BROTLI(_) => unpack_stream(brotli::Decompressor::new(&body[..], 4096), size)?,
            Compression::ZSTD(_) => {
                let mut unpacked = Vec::new();
                unpacked.try_reserve_exact(size).map_err(external)?;
                if self.zstd.is_none() {
                    self.zstd = Some(zstd::bulk::Decompressor::new().map_err(external)?);
                }
                if let Some(zstd) = &mut self.zstd {
                    zstd.decompress_to_buffer(body, &mut unpacked).map_err(external)?;
                }
                unpacked
            }
            Compression::LZ4_RAW => {
                let mut unpacked = plausible(256)?;
                let length = lz4_flex::block::decompress_into(body, &mut unpacked).map_err(external)?;
                unpacked.truncate(length);
                unpacked
            }
            Compression::LZ4 => {
                let mut unpacked = plausible(256)?;
                if hadoop_lz4(body, &mut unpacked).is_none() {
                    // As parquet-cpp once wrote it under the same name.
                    let length = lz4_flex::block::decompress_into(body, &mut unpacked).map_err(external)?;
                    unpacked.truncate(length);
                }
                unpacked
            }
            other => return error(format!("expected a codec that is known, found {other}")),
        };
        if unpacked.len() != size {
            return Err(claim());
        }
        Ok(unpacked.into())
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some((header, length)) = self.header()? else { return Ok(None) };
        drop(self.bytes.split_to(length));
        let body = self.bytes.split_to(header.packed);
        if header.kind != DICTIONARY && header.values > self.most_values {
            return error(format!(
                "expected up to {} numbers in a page of lists, found {}",
                self.most_values, header.values
            ));
        }
        let encoding = encoding(header.encoding)?;
        Ok(Some(match header.kind {
            DICTIONARY => {
                let buf = self.unpack(&body, header.unpacked)?;
                // Each takes a byte at least.
                if header.values as usize > buf.len() {
                    return error(format!(
                        "expected a dictionary of {} numbers, found {} bytes",
                        header.values,
                        buf.len()
                    ));
                }
                Page::DictionaryPage { buf, num_values: header.values, encoding, is_sorted: false }
            }
            DATA => Page::DataPage {
                buf: self.unpack(&body, header.unpacked)?,
                num_values: header.values,
                encoding,
                def_level_encoding: self::encoding(header.definition_encoding)?,
                rep_level_encoding: self::encoding(header.repetition_encoding)?,
                statistics: None,
            },
            DATA_2 => {
                let levels = header.definition_bytes.saturating_add(header.repetition_bytes);
                if levels > body.len() || levels > header.unpacked {
                    return error("expected the levels of a page within it, found more bytes of them");
                }
                let buf = if header.is_packed {
                    let values = self.unpack(&body.slice(levels..), header.unpacked - levels)?;
                    Bytes::from([&body[..levels], &values[..]].concat())
                } else {
                    body
                };
                Page::DataPageV2 {
                    buf,
                    num_values: header.values,
                    encoding,
                    num_nulls: header.nulls,
                    num_rows: header.values,
                    def_levels_byte_len: header.definition_bytes as u32,
                    rep_levels_byte_len: header.repetition_bytes as u32,
                    is_compressed: header.is_packed,
                    statistics: None,
                }
            }
            other => return error(format!("expected a page of data, found one of kind {other}")),
        }))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        let metadata = |header: PageHeader| PageMetadata {
            num_rows: None,
            num_levels: (header.kind != DICTIONARY).then_some(header.values as usize),
            is_dict: header.kind == DICTIONARY,
        };
        Ok(self.header()?.map(|(header, _)| metadata(header)))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if let Some((header, length)) = self.header()? {
            drop(self.bytes.split_to(length + header.packed));
        }
        Ok(())
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

/// Unpacks a byte more than there should be, at the most.
fn unpack_stream(stream: impl Read, size: usize) -> Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    stream.take(size as u64 + 1).read_to_end(&mut unpacked).map_err(external)?;
    Ok(unpacked)
}

/// Hadoop's `Lz4Codec`: blocks behind their two lengths, big-endian. None if it is something else.
fn hadoop_lz4(mut body: &[u8], mut into: &mut [u8]) -> Option<()> {
    while !body.is_empty() {
        let unpacked = u32::from_be_bytes(*body.first_chunk()?) as usize;
        let packed = u32::from_be_bytes(*body[4..].first_chunk()?) as usize;
        let (block, rest) = body[8..].split_at_checked(packed)?;
        let (block_into, rest_into) = into.split_at_mut_checked(unpacked)?;
        let length = lz4_flex::block::decompress_into(block, block_into).ok()?;
        (body, into) = (rest, rest_into);
        if length != unpacked {
            return None;
        }
    }
    into.is_empty().then_some(())
}

/// An encoding by its number in parquet.thrift.
#[expect(deprecated, reason = "old files have it")]
fn encoding(number: i64) -> Result<Encoding> {
    Ok(match number {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        4 => Encoding::BIT_PACKED,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        other => return error(format!("expected an encoding that is known, found number {other}")),
    })
}

fn error<T>(text: impl Into<String>) -> Result<T> {
    Err(general(text.into()))
}

fn general(text: String) -> ParquetError {
    ParquetError::General(text)
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> ParquetError {
    ParquetError::External(Box::new(io::Error::other(error)))
}
