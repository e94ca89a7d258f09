//! Bodies, and what goes wrong with them.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use futures::stream;
use serde_json::json;

use crate::activity::Guard;
use crate::event_stream::{frame, spoil};
use crate::fault::Fault;
use crate::plan::{Payload, Plan};
use crate::refusal::Refusal;
use crate::server::Hangup;

/// Carries out the faults that change what is answered; those that change how are left to [`body`].
pub(crate) fn apply(mut plan: Plan, headers: &mut Vec<(HeaderName, HeaderValue)>) -> Plan {
    match plan.fault.take() {
        Some(Fault::Error(error)) => {
            plan.status = error.status_code();
            let refusal = Refusal {
                status: plan.status,
                kind: error.kind.clone().into(),
                message: error.message.clone(),
                param: error.param.clone(),
                code: error.code.clone().map(Into::into),
                details: error.details.clone().into(),
            };
            plan.payload = Payload::Refused(refusal);
            let parsed = error.headers.iter().filter_map(|(name, value)| {
                Some((HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?))
            });
            for (name, value) in parsed {
                headers.retain(|(known, _)| *known != name);
                headers.push((name, value));
            }
        }
        Some(Fault::Page { status, body }) => {
            plan.status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            plan.payload = Payload::Page(body);
        }
        Some(Fault::Event { number, text }) => match &mut plan.payload {
            Payload::Events(events) | Payload::Lines(events) | Payload::Array(events) => {
                events.truncate(number);
                events.push(text);
            }
            Payload::Frames(frames) => {
                frames.truncate(number);
                frames.push(text.into_bytes());
            }
            _ => {}
        },
        Some(Fault::Exception { number, kind, message }) => {
            if let Payload::Frames(frames) = &mut plan.payload {
                frames.truncate(number);
                frames.push(frame("exception", &kind, &json!({ "message": message }).to_string()));
            }
        }
        Some(Fault::BadChecksum { number }) => {
            if let Payload::Frames(frames) = &mut plan.payload
                && let Some(frame) = frames.get_mut(number)
            {
                spoil(frame);
            }
        }
        Some(Fault::WrongLength(off)) => {
            if let Payload::Json(body) = &plan.payload {
                let length = i64::try_from(body.to_string().len()).unwrap_or(i64::MAX).saturating_add(off).max(0);
                headers.push((CONTENT_LENGTH, HeaderValue::from(length.unsigned_abs())));
            }
            plan.fault = Some(Fault::WrongLength(off));
        }
        other => plan.fault = other,
    }
    plan
}

/// What a body does next.
enum Part {
    Bytes(Bytes),
    Reset,
    Stall,
}

/// Sends one event after the other, with a gap before each but the first, as far as the fault lets it. It holds
/// `in_flight` until the last one is handed over, or until the client leaves.
pub(crate) fn body(events: Vec<Bytes>, gap: Duration, fault: Option<&Fault>, in_flight: Guard, hangup: Hangup) -> Body {
    let state = (parts(events, fault), Duration::ZERO, in_flight, hangup);
    Body::from_stream(stream::unfold(state, move |(mut parts, pause, in_flight, hangup)| async move {
        let part = parts.pop_front()?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let bytes = match part {
            Part::Bytes(bytes) => bytes,
            Part::Stall => std::future::pending().await,
            Part::Reset => {
                // What was sent before gets out first.
                tokio::task::yield_now().await;
                hangup.reset();
                std::future::pending().await
            }
        };
        // Each piece goes out alone.
        tokio::task::yield_now().await;
        Some((Ok::<_, io::Error>(bytes), (parts, gap, in_flight, hangup)))
    }))
}

fn parts(events: Vec<Bytes>, fault: Option<&Fault>) -> VecDeque<Part> {
    let pieces = |events: Vec<Bytes>| events.into_iter().map(Part::Bytes);
    match fault {
        Some(&Fault::Pieces(size)) => {
            let whole = Bytes::from(events.concat());
            let size = size.max(1);
            let ends = (0..whole.len()).step_by(size).map(|at| (at, (at + size).min(whole.len())));
            ends.map(|(start, end)| Part::Bytes(whole.slice(start..end))).collect()
        }
        Some(&Fault::CutAfter(length)) => pieces(head(events, length)).collect(),
        Some(&Fault::ResetAfter(length)) => pieces(head(events, length)).chain([Part::Reset]).collect(),
        Some(&Fault::StallAfter(length)) => pieces(head(events, length)).chain([Part::Stall]).collect(),
        _ => pieces(events).collect(),
    }
}

/// The first `length` bytes.
fn head(events: Vec<Bytes>, length: usize) -> Vec<Bytes> {
    let mut left = length;
    let mut kept = Vec::new();
    for mut event in events {
        event.truncate(left);
        left -= event.len();
        if !event.is_empty() {
            kept.push(event);
        }
    }
    kept
}
