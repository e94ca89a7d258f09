//! Answers and progress that grow in place.

use std::time::Duration;

use antiphon_engine::{Display, Event};
use antiphon_sim::{Latency, Sim};

use crate::support::{session, start_sim};
use crate::transcript::Shown;

fn displays(shown: &Shown) -> Vec<&Display> {
    let displays = shown.events().filter_map(|event| match event {
        Event::Display(display) if !display.result => Some(display),
        _ => None,
    });
    displays.collect()
}

/// One display, and then updates of it; the last state's content of this type.
#[track_caller]
fn last_state<'a>(displays: &[&'a Display], mime_type: &str) -> &'a str {
    let first = displays[0];
    assert!(!first.update && first.display_id.is_some(), "{first:?}");
    let updates = &displays[1..];
    assert!(updates.iter().all(|it| it.update && it.display_id == first.display_id), "{updates:?}");
    displays[displays.len() - 1].data[mime_type].as_str().unwrap()
}

#[test]
fn an_answer_grows_as_markdown_in_one_display() {
    const GAP: Duration = Duration::from_millis(10);
    let sim = start_sim(Sim::builder().latency(Latency::None).chunk_gap(GAP));
    let t = session();
    let code = format!(
        "let llm = ChatOpenAI::new().base_url({:?});
let answer = display_stream(llm.astream(\"Hello, how are you?\").await?).await?;
answer.generations[0][0].text.clone()",
        sim.env().into_iter().find(|(name, _)| *name == "OPENAI_BASE_URL").unwrap().1
    );
    let shown = t.cell(&code).ok();
    let displays = displays(&shown);
    let text = last_state(&displays, "text/markdown");
    assert_eq!(shown.result(), Some(format!("{text:?}").as_str()));
    assert_eq!(last_state(&displays, "text/plain"), text);
    for pair in displays.windows(2) {
        let [before, after] = pair else { unreachable!("windows of two") };
        let before = before.data["text/markdown"].as_str().unwrap();
        assert!(after.data["text/markdown"].as_str().unwrap().starts_with(before), "{displays:?}");
    }
    // Not one for every piece.
    let most = shown.metrics().run.as_millis() / 50 + 2;
    assert!(displays.len() as u128 <= most, "{} states, {most} at most", displays.len());
}

#[test]
fn an_answer_that_is_cut_stays_as_far_as_it_came() {
    let sim = start_sim(Sim::builder().latency(Latency::None).chunk_gap(Duration::from_secs(60)));
    let t = session();
    let code = format!(
        "println!(\"asking\");
display_stream(ChatOpenAI::new().base_url({:?}).astream(\"Hello, how are you?\").await?).await?;",
        sim.env().into_iter().find(|(name, _)| *name == "OPENAI_BASE_URL").unwrap().1
    );
    let (shown, _) = t.start(&code).until_display().cut();
    let shown = shown.failed("Cancelled");
    assert!(!last_state(&displays(&shown), "text/markdown").is_empty());
}

#[test]
fn many_calls_show_a_bar_and_keep_their_order() {
    let t = session();
    let shown = t
        .cell(
            "let good = OpenAI::new();
let bad = OpenAI::new().base_url(\"http://127.0.0.1:1/v1\").max_retries(0);
let answers = join_all_with_progress((0..12).map(|n| if n == 3 { &bad } else { &good }.agenerate([\"x\"]))).await;
answers.iter().map(|answer| answer.is_ok()).collect::<Vec<_>>()",
        )
        .ok();
    let expected: Vec<bool> = (0..12).map(|number| number != 3).collect();
    assert_eq!(shown.result(), Some(format!("{expected:?}").as_str()));
    let displays = displays(&shown);
    let text = last_state(&displays, "text/plain");
    assert!(text.starts_with(&format!("[{}] 12/12 done, 1 failed, ", "#".repeat(30))), "{text}");
    let html = last_state(&displays, "text/html");
    assert!(html.starts_with("<progress value=\"12\" max=\"12\"></progress> 12/12 done, 1 failed, "), "{html}");
}
