//! The `#[wire]` attribute of Lapwing.

use proc_macro::TokenStream;

/// Lets a struct or enum of numbers, vectors, strings and other such types travel between master and workers.
///
/// It is short for the three rkyv derives, with the path by which a program that depends on `lapwing` alone reaches them.
#[proc_macro_attribute]
pub fn wire(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    let derives = "#[derive(::lapwing::rkyv::Archive, ::lapwing::rkyv::Serialize, ::lapwing::rkyv::Deserialize)] \
                   #[rkyv(crate = ::lapwing::rkyv)]";
    let mut out: TokenStream = derives.parse().expect("the derives are valid Rust");
    out.extend(item);
    out
}
