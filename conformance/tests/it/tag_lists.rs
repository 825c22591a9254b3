//! OCI-6: listing tags.

use serde_json::json;
use wharf_conformance::answer::Answer;
use wharf_conformance::digest::Algorithm;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::repository::{Repository, encoded, tags_of};
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

/// Tags whose order tells bytes from letters, sorted bytewise.
const TAGS: [&str; 7] = ["1.10", "1.9", "B", "_", "a", "b", "test"];

fn tag_all(repository: Repository<'_>, tags: &[&str]) {
    let index = Manifest::index(Algorithm::Sha256, &[]);
    for tag in tags.iter().rev() {
        repository.push(tag, &index);
    }
}

#[track_caller]
fn page(repository: Repository<'_>, query: &str) -> Answer {
    let answer = repository.get(&format!("tags/list{query}")).expect(200);
    answer.with("Content-Type", "application/json")
}

/// OCI-6.1, OCI-6.2
#[test]
fn all_tags_are_listed_in_the_order_of_their_bytes() {
    let server = Server::start();
    let repository = server.repository("conformance/lists");
    tag_all(repository, &TAGS);
    let answer = page(repository, "");
    assert_eq!(
        answer.json(),
        json!({ "name": "conformance/lists", "tags": TAGS })
    );
    assert_eq!(answer.header("Link"), None);
}

/// OCI-6.1
#[test]
fn a_repository_without_tags_has_an_empty_list() {
    let server = Server::start();
    let repository = server.repository("conformance/untagged");
    repository.push_whole(&Manifest::image(1));
    assert_eq!(
        page(repository, "").json(),
        json!({ "name": "conformance/untagged", "tags": [] })
    );
}

/// OCI-6.3, OCI-6.7
#[test]
fn a_page_has_as_many_tags_as_were_asked_for() {
    let server = Server::start();
    let repository = server.repository("conformance/pages");
    tag_all(repository, &TAGS);
    for n in 1..10 {
        let answer = page(repository, &format!("?n={n}"));
        assert_eq!(tags_of(&answer), &TAGS[..n.min(TAGS.len())]);
        assert_eq!(
            answer.header("Link").is_some(),
            n < TAGS.len(),
            "{answer:?}"
        );
    }
}

/// OCI-6.4
#[test]
fn a_page_of_no_tags_leads_nowhere() {
    let server = Server::start();
    let repository = server.repository("conformance/nothing");
    tag_all(repository, &TAGS);
    for query in ["?n=0", "?n=0&last=a"] {
        let answer = page(repository, query);
        assert_eq!(tags_of(&answer), [""; 0]);
        assert_eq!(answer.header("Link"), None);
    }
}

/// OCI-6.5, OCI-6.6
#[test]
fn a_page_begins_after_the_tag_that_was_named() {
    let server = Server::start();
    let repository = server.repository("conformance/last");
    tag_all(repository, &TAGS);
    for (position, tag) in TAGS.iter().enumerate() {
        let after = &TAGS[position + 1..];
        assert_eq!(tags_of(&page(repository, &format!("?last={tag}"))), after);
        let answer = page(repository, &format!("?n=2&last={tag}"));
        assert_eq!(tags_of(&answer), &after[..after.len().min(2)]);
    }
    // One that was deleted meanwhile stands where it stood.
    for (last, next) in [("0", "1.10"), ("C", "_"), ("aa", "b")] {
        let answer = page(repository, &format!("?n=1&last={}", encoded(last)));
        assert_eq!(tags_of(&answer), [next]);
    }
    assert_eq!(tags_of(&page(repository, "?last=zzz")), [""; 0]);
}

/// OCI-6.2, OCI-6.7
#[test]
fn the_links_lead_through_all_pages() {
    let server = Server::start();
    let repository = server.repository("conformance/links");
    tag_all(repository, &TAGS);
    for n in 1..=3 {
        let mut target = Some(repository.path(&format!("tags/list?n={n}")));
        let mut listed = Vec::new();
        while let Some(next) = target {
            let answer = repository.send(Request::get(next)).expect(200);
            let tags = tags_of(&answer);
            assert!(!tags.is_empty() && tags.len() <= n, "{answer:?}");
            listed.extend(tags);
            target = answer.next_page();
        }
        assert_eq!(listed, TAGS);
    }
}

/// OCI-6.8
#[test]
fn a_number_that_is_none_is_refused_and_a_large_one_is_only_large() {
    let server = Server::start();
    let repository = server.repository("conformance/numbers");
    tag_all(repository, &TAGS);
    for n in ["-1", "x", "1.5"] {
        repository.get(&format!("tags/list?n={n}")).expect(400);
    }
    for n in ["1000", "100000", "99999999999999999999999"] {
        assert_eq!(tags_of(&page(repository, &format!("?n={n}"))), TAGS);
    }
}

/// OCI-6.8
#[test]
fn a_list_without_a_number_holds_everything() {
    let server = Server::configured(&[("TAGS_MAXTAGS", "5")]);
    let repository = server.repository("conformance/many");
    let index = Manifest::index(Algorithm::Sha256, &[]);
    for chunk in 0..3 {
        let tags: Vec<String> = (0..100)
            .map(|number| format!("tag=v{chunk}-{number:02}"))
            .collect();
        repository.push(&format!("{}?{}", index.digest(), tags.join("&")), &index);
    }
    let answer = page(repository, "");
    assert_eq!(tags_of(&answer).len(), 300);
    assert_eq!(answer.header("Link"), None);
    let cut_short = page(repository, "?n=50");
    assert_eq!(tags_of(&cut_short).len(), 5);
    assert!(cut_short.next_page().is_some(), "{cut_short:?}");
}

/// OCI-6.9
#[test]
fn the_tags_of_a_repository_that_is_not_there_are_not_found() {
    let server = Server::start();
    let repository = server.repository("conformance/nowhere");
    for query in ["", "?n=0", "?n=5", "?last=a"] {
        let answer = repository.get(&format!("tags/list{query}"));
        answer.refused(404, "NAME_UNKNOWN");
    }
}
