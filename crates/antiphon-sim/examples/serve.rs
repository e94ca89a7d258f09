//! A simulator that another process holds: the tests of the providers' own clients do, and whoever writes more of them.
//!
//! ```text
//! serve [--seed N] [--latency SPEC] [--require-key] [--model NAME].. [--fault JSON]..
//! ```
//!
//! It says on the first line of its output where it is, and ends with its input. Each line of the input is a command,
//! and is answered by one line; all of them are JSON:
//!
//! - `{"fault": {"error": {"status": 429, "kind": "requests", "message": "..", "code": "..", "headers": {..}}}}`: the
//!   next call goes wrong. Other faults: `"reset"`, `"stall"`, `{"reset_after": 100}`, `{"cut_after": 100}`,
//!   `{"stall_after": 100}`, `{"pieces": 1}`, `{"event": {"number": 3, "text": ".."}}`,
//!   `{"exception": {"number": 3, "kind": "..", "message": ".."}}`, `{"bad_checksum": {"number": 3}}`,
//!   `{"page": {"status": 502, "body": ".."}}`; `null` lets a call pass.
//! - `"requests"`: what was asked, oldest first.

use std::io::{BufRead, Write};
use std::process::ExitCode;

use antiphon_sim::{ErrorAnswer, Fault, RecordedRequest, Sim, SimBuilder};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr, reason = "a command line")]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Outcome<()> {
    let (builder, faults) = arguments()?;
    let sim = builder.start().await?;
    for fault in faults {
        inject(&sim, fault);
    }
    let env: Map<String, Value> = sim.env().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    say(&json!({"url": sim.base_url(), "env": env}))?;
    let mut commands = input();
    while let Some(line) = commands.recv().await {
        match obey(&sim, &line) {
            Ok(answer) => say(&answer)?,
            Err(error) => say(&json!({"error": error.to_string()}))?,
        }
    }
    sim.shutdown().await;
    Ok(())
}

fn arguments() -> Outcome<(SimBuilder, Vec<Option<Fault>>)> {
    let mut builder = Sim::builder();
    let mut models = Vec::new();
    let mut faults = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        builder = match argument.as_str() {
            "--seed" => builder.seed(value()?.parse()?),
            "--latency" => builder.latency(value()?.parse()?),
            "--require-key" => builder.require_key(true),
            "--model" => {
                models.push(value()?);
                builder
            }
            "--fault" => {
                faults.push(fault(&serde_json::from_str(&value()?)?)?);
                builder
            }
            unknown => return Err(format!("there is no argument {unknown}").into()),
        };
    }
    Ok((builder.models(models), faults))
}

/// The lines of the input. A thread waits for them, since a terminal or a pipe cannot be polled everywhere.
fn input() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

fn say(value: &Value) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{value}")?;
    stdout.flush()
}

fn obey(sim: &Sim, line: &str) -> Outcome<Value> {
    match serde_json::from_str(line)? {
        Value::String(word) if word == "requests" => Ok(sim.requests().iter().map(recorded).collect()),
        Value::Object(command) if command.contains_key("fault") => {
            inject(sim, fault(&command["fault"])?);
            Ok(json!({}))
        }
        _ => Err("there is no such command".into()),
    }
}

fn inject(sim: &Sim, fault: Option<Fault>) {
    match fault {
        Some(fault) => sim.inject(fault),
        None => sim.inject_none(),
    }
}

fn recorded(request: &RecordedRequest) -> Value {
    let headers: Map<String, Value> =
        request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
    json!({
        "method": request.method, "path": request.path, "query": request.query, "body": request.body, "key_in": request.key_in,
        "headers": headers,
    })
}

fn fault(value: &Value) -> Outcome<Option<Fault>> {
    let (name, value) = match value {
        Value::Null => return Ok(None),
        Value::String(name) => (name.as_str(), &Value::Null),
        Value::Object(object) => {
            let (name, value) = object.iter().next().ok_or("an empty fault")?;
            (name.as_str(), value)
        }
        _ => return Err("a fault is a name, or an object with one".into()),
    };
    let bytes =
        |value: &Value| Ok::<_, Box<dyn std::error::Error>>(usize::try_from(value.as_u64().ok_or("a number")?)?);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Some(match name {
        "error" => Fault::Error(error(value)?),
        "page" => Fault::Page { status: status(value)?, body: text(&value["body"]) },
        "reset" => Fault::Reset,
        "stall" => Fault::Stall,
        "reset_after" => Fault::ResetAfter(bytes(value)?),
        "cut_after" => Fault::CutAfter(bytes(value)?),
        "stall_after" => Fault::StallAfter(bytes(value)?),
        "pieces" => Fault::Pieces(bytes(value)?),
        "event" => Fault::Event { number: bytes(&value["number"])?, text: text(&value["text"]) },
        "exception" => Fault::Exception {
            number: bytes(&value["number"])?,
            kind: text(&value["kind"]),
            message: text(&value["message"]),
        },
        "bad_checksum" => Fault::BadChecksum { number: bytes(&value["number"])? },
        unknown => return Err(format!("there is no fault {unknown}").into()),
    }))
}

fn status(value: &Value) -> Outcome<u16> {
    Ok(u16::try_from(value["status"].as_u64().ok_or("a fault needs a status")?)?)
}

fn error(value: &Value) -> Outcome<ErrorAnswer> {
    let text = |name: &str| value[name].as_str();
    let mut error =
        ErrorAnswer::new(status(value)?, text("kind").unwrap_or_default(), text("message").unwrap_or_default());
    if let Some(code) = text("code") {
        error = error.with_code(code);
    }
    if let Some(param) = text("param") {
        error = error.with_param(param);
    }
    for (name, value) in value["headers"].as_object().into_iter().flatten() {
        error = error.with_header(name, value.as_str().unwrap_or_default());
    }
    Ok(error)
}
