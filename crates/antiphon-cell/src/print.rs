//! [`print!`], [`println!`], [`eprint!`] and [`eprintln!`] of cells: std's, but they know whose task prints.
//!
//! What a dependency prints, or a module inside of a cell, goes through std's own macros and so to the cell that runs.

use std::fmt;
use std::io::{self, Write};

use antiphon_channel::Stream;

use crate::{background, parent};

/// As [`std::print!`].
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => {{
        $crate::__print(::std::format_args!($($argument)*));
    }};
}

/// As [`std::println!`].
#[macro_export]
macro_rules! println {
    () => {
        $crate::__print_line(::std::format_args!(""))
    };
    ($($argument:tt)*) => {{
        $crate::__print_line(::std::format_args!($($argument)*));
    }};
}

/// As [`std::eprint!`].
#[macro_export]
macro_rules! eprint {
    ($($argument:tt)*) => {{
        $crate::__print_error(::std::format_args!($($argument)*));
    }};
}

#[doc(hidden)]
pub fn __print(text: fmt::Arguments<'_>) {
    print(Stream::Stdout, text, "");
}

#[doc(hidden)]
pub fn __print_line(text: fmt::Arguments<'_>) {
    print(Stream::Stdout, text, "\n");
}

#[doc(hidden)]
pub fn __print_error(text: fmt::Arguments<'_>) {
    print(Stream::Stderr, text, "");
}

#[doc(hidden)]
pub fn __print_error_line(text: fmt::Arguments<'_>) {
    print(Stream::Stderr, text, "\n");
}

/// # Panics
/// When the stream cannot be written to, as std's macros do.
fn print(stream: Stream, text: fmt::Arguments<'_>, end: &str) {
    let over = match stream {
        Stream::Stdout => {
            let mut stdout = io::stdout().lock();
            let over = parent::cell_that_is_over();
            if over.is_none() {
                check("stdout", stdout.write_fmt(text).and_then(|()| stdout.write_all(end.as_bytes())));
            }
            over
        }
        Stream::Stderr => {
            // Standard error has no buffer: one write for a line.
            let line = format!("{text}{end}");
            let mut stderr = io::stderr().lock();
            let over = parent::cell_that_is_over();
            if over.is_none() {
                check("stderr", stderr.write_all(line.as_bytes()));
            }
            over
        }
    };
    // A cell that is over stays over.
    if let Some(cell) = over {
        background::write(cell, stream, &format!("{text}{end}"));
    }
}

fn check(name: &str, written: io::Result<()>) {
    if let Err(error) = written {
        panic!("failed printing to {name}: {error}");
    }
}
