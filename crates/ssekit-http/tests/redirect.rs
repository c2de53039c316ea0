//! Redirects: which are followed, what goes along, and what stays behind.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use peer::*;
use ssekit_http::Options;
use ssekit_record::EndKind;

fn moved(status: u16, location: &str) -> Vec<Step> {
    vec![send(format!(
        "HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    ))]
}

fn events() -> Vec<Step> {
    vec![send(head("Content-Length: 3\r\n") + ":\n\n")]
}

#[tokio::test]
async fn relative_redirects_are_followed_with_everything() {
    let (url, served) = serve(vec![moved(307, "../b?token=t0p"), events()]).await;
    let mut ask = ask(&url.join("/x/a").unwrap());
    ask.method = "POST".into();
    ask.body = Some(b"hi".to_vec().into());
    ask.fields.push(("Authorization".into(), b"t0p".to_vec()));
    let seen = watch(&ask, &options()).await;
    assert_seen(&seen, EndKind::Clean, &[], ":\n\n");
    let requests = served.await.unwrap();
    assert!(requests[1].starts_with("POST /b?token=t0p HTTP/1.1\r\n"));
    assert!(requests[1].contains("Authorization: t0p\r\n"));
    assert!(requests[1].ends_with("\r\n\r\nhi"));
    assert_eq!(seen.redirects.len(), 1);
    assert_eq!(seen.redirects[0].status, 307);
    assert!(seen.redirects[0].url.ends_with("/x/a"));
    assert!(!format!("{seen:?}").contains("t0p"));
}

#[tokio::test]
async fn see_other_and_moved_posts_become_get_without_content() {
    for status in [301, 302, 303] {
        let (url, served) = serve(vec![moved(status, "/b"), events()]).await;
        let mut ask = ask(&url);
        ask.method = "POST".into();
        ask.body = Some(b"hi".to_vec().into());
        ask.fields.push(("Content-Type".into(), b"a/b".to_vec()));
        watch(&ask, &options()).await;
        let request = served.await.unwrap().remove(1);
        assert!(request.starts_with("GET /b HTTP/1.1\r\n"), "{request}");
        assert!(!request.to_lowercase().contains("content-"), "{request}");
        assert!(request.ends_with("\r\n\r\n"));
    }
}

#[tokio::test]
async fn secrets_stay_with_their_origin() {
    let (other, elsewhere) = serve(vec![events()]).await;
    let (url, _served) = serve(vec![moved(302, other.as_str())]).await;
    let mut ask = ask(&url);
    for name in ["Authorization", "Cookie", "X-Mine", "Last-Event-ID"] {
        ask.fields.push((name.into(), b"v".to_vec()));
    }
    ask.secret_fields = vec!["x-mine".into()];
    let seen = watch(&ask, &options()).await;
    assert_eq!(seen.end.kind, EndKind::Clean);
    let request = elsewhere.await.unwrap().remove(0);
    for gone in ["Authorization", "Cookie", "X-Mine"] {
        assert!(!request.contains(gone), "{request}");
    }
    assert!(request.contains("Last-Event-ID: v\r\n"));
    assert_eq!(seen.request.url, other.as_str());
}

#[tokio::test]
async fn loops_and_too_many_stop_at_the_redirect() {
    let (url, _served) = serve(vec![moved(302, "/b"), moved(302, "/events#x")]).await;
    let seen = watch(&ask(&url), &options()).await;
    assert_eq!(seen.head.unwrap().status, 302);
    assert!(seen.end.detail.contains("redirect loop"));

    let scripts = (0..3).map(|n| moved(302, &format!("/{n}"))).collect();
    let (url, _served) = serve(scripts).await;
    let few = Options {
        redirects: 2,
        ..options()
    };
    let seen = watch(&ask(&url), &few).await;
    assert_eq!(seen.redirects.len(), 2);
    assert_eq!(seen.end.detail, "more than 2 redirects");

    let (url, _served) = serve(vec![moved(302, "/b")]).await;
    let none = Options {
        redirects: 0,
        ..options()
    };
    let seen = watch(&ask(&url), &none).await;
    assert_eq!((seen.head.unwrap().status, seen.redirects.len()), (302, 0));
    assert_eq!(
        (seen.end.kind, seen.end.detail.as_str()),
        (EndKind::Clean, "")
    );

    for location in ["ftp://127.0.0.1/", "http://["] {
        let (url, _served) = serve(vec![moved(302, location)]).await;
        let seen = watch(&ask(&url), &options()).await;
        assert_eq!(seen.head.unwrap().status, 302);
        assert!(!seen.end.detail.is_empty());
    }
}
