//! What arrives in a request: too much, too little, broken off, slow.

use super::*;

#[tokio::test]
async fn a_chunk_that_does_not_begin_at_the_end_is_refused_before_it_is_read() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let id = begin_upload(&repository, &TEXT[..10]).await;
    for start in [0, 9, 11, u64::MAX] {
        let mut session = repository.uploads.resume(&id).await.unwrap();
        let chunk = Chunk {
            start: Some(start),
            length: Some(1),
            body: stream::poll_fn(|_| panic!("the body is read")).boxed(),
        };
        let refused = session.append(chunk).await.unwrap_err();
        assert!(
            matches!(refused, Error::OffsetMismatch { start: told, offset: 10 } if told == start),
            "{refused}"
        );
        session.suspend().await.unwrap();
    }
    finish(&repository, &id).await;
}

#[tokio::test]
async fn bytes_beyond_the_announced_length_are_cut_off() {
    for pieces in [
        vec!["0123456789"],
        vec!["0123", "456789"],
        vec!["01234", "56789"],
    ] {
        let test = TestRegistry::new();
        let repository = test.repository("a");
        let mut session = repository.uploads.start().await.unwrap();
        let id = session.status().id;
        let chunk = Chunk {
            start: Some(0),
            length: Some(5),
            body: body(pieces),
        };
        let refused = session.append(chunk).await.unwrap_err();
        assert!(
            matches!(refused, Error::LengthMismatch { announced: 5, actual } if actual > 5),
            "{refused}"
        );
        assert_eq!(session.status().offset, 5);
        assert_eq!(session.suspend().await.unwrap().offset, 5);
        let session = repository.uploads.resume(&id).await.unwrap();
        session.commit(&sha256("01234")).await.unwrap();
    }
}

#[tokio::test]
async fn a_chunk_shorter_than_announced_is_told_and_kept() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let mut session = repository.uploads.start().await.unwrap();
    let id = session.status().id;
    let chunk = Chunk {
        start: None,
        length: Some(99),
        body: body([&TEXT[..4], "", &TEXT[4..7]].map(str::to_owned)),
    };
    let refused = session.append(chunk).await.unwrap_err();
    assert!(
        matches!(
            refused,
            Error::LengthMismatch {
                announced: 99,
                actual: 7
            }
        ),
        "{refused}"
    );
    session.suspend().await.unwrap();
    finish(&repository, &id).await;
}

#[tokio::test]
async fn a_body_that_breaks_off_keeps_what_came() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let mut session = repository.uploads.start().await.unwrap();
    let id = session.status().id;
    let pieces = [
        Ok(Bytes::from(&TEXT[..12])),
        Err("connection reset".into()),
        Ok(Bytes::from("never read")),
    ];
    let chunk = Chunk {
        start: None,
        length: Some(70),
        body: stream::iter(pieces).boxed(),
    };
    let refused = session.append(chunk).await.unwrap_err();
    assert!(
        matches!(&refused, Error::BodyInterrupted { source } if source.to_string() == "connection reset"),
        "{refused}"
    );
    assert_eq!(session.suspend().await.unwrap().offset, 12);
    finish(&repository, &id).await;
}

#[tokio::test]
async fn a_body_that_has_ended_is_not_asked_for_more() {
    let test = TestRegistry::new();
    let repository = test.repository("a");
    let mut session = repository.uploads.start().await.unwrap();
    let id = session.status().id;
    let mut pieces = vec![None, Some(&TEXT[5..9]), Some(&TEXT[..5])];
    let body = stream::poll_fn(move |_| {
        let piece = pieces.pop().expect("the body has ended");
        Poll::Ready(piece.map(|piece| Ok(Bytes::from(piece))))
    });
    let chunk = Chunk {
        start: None,
        length: None,
        body: body.boxed(),
    };
    session.append(chunk).await.unwrap();
    session.suspend().await.unwrap();
    finish(&repository, &id).await;
}

#[tokio::test]
async fn what_a_slow_client_sent_is_kept_while_the_rest_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    for test in [TestRegistry::new(), TestRegistry::in_folder(&folder)] {
        let repository = test.repository("a");
        let mut session = repository.uploads.start().await.unwrap();
        let id = session.status().id;
        let (client, received) = tokio::sync::mpsc::channel::<&str>(1);
        let pieces = stream::unfold(received, async |mut received| {
            let piece = received.recv().await?;
            Some((Ok(Bytes::from(piece)), received))
        });
        let chunk = Chunk {
            start: None,
            length: None,
            body: pieces.boxed(),
        };
        let (appended, ()) = tokio::join!(session.append(chunk), async {
            for (start, end) in [(0, 4), (4, 30), (30, 31)] {
                client.send(&TEXT[start..end]).await.unwrap();
                while offset(&repository, &id).await < end as u64 {
                    tokio::task::yield_now().await;
                }
            }
            drop(client);
        });
        appended.unwrap();
        session.suspend().await.unwrap();
        finish(&repository, &id).await;
    }
}
