use super::*;
#[test]
fn adhoc() {
    let mut n = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir("/tmp/sgn/fx").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "tst") {
            continue;
        }
        let reply = match Reply::load(&path) {
            Ok(r) => r,
            Err(e) => {
                println!("{e}");
                continue;
            }
        };
        let pem = path.with_extension("pem");
        let all = std::fs::read(&pem).unwrap();
        let trusted = Certificates::from_pem(&all).unwrap();
        let mut s = format!("{:?}", reply.statement());
        s.push_str(&format!(" {:?}", reply.verify(&trusted).map_err(|e| e.to_string())));
        n.entry(reply.statement().authority.clone()).or_insert(Vec::new()).push(s);
    }
    for (a, v) in n {
        println!("{a:?} {}\n   {}", v.len(), v[0]);
    }
}
