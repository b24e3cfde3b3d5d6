use kernels::*;
use std::time::Instant;
fn best(mut f: impl FnMut()) -> f64 {
    let mut b = f64::MAX;
    for _ in 0..8 {
        let t = Instant::now();
        f();
        b = b.min(t.elapsed().as_secs_f64());
    }
    b
}
fn main() {
    for (m, k, n) in [
        (1500, 384, 1536),
        (1500, 768, 768),
        (1500, 768, 3072),
        (1500, 3072, 768),
        (8, 768, 3072),
        (8, 768, 51865),
        (1, 768, 51865),
    ] {
        let x: Vec<f32> = (0..m * k).map(|i| ((i * 7919 % 1000) as f32 / 500.0 - 1.0)).collect();
        let w: Vec<f32> = (0..n * k).map(|i| ((i * 104729 % 1000) as f32 / 500.0 - 1.0) * 0.05).collect();
        let mut out = vec![0f32; m * n];
        for p in [Precision::F32, Precision::Bf16, Precision::Int8] {
            let l = Linear::new(&w, None, k, p);
            let t = best(|| l.forward(Rows::dense(&x, k), None, Finish::Store, &mut out));
            let g = best(|| l.forward(Rows::dense(&x, k), None, Finish::Gelu, &mut out));
            print!(
                "{m}x{k}x{n} {p}: {:.0} GF/s {:.2} ms (gelu {:.2} ms)   ",
                2.0 * (m * k * n) as f64 / t / 1e9,
                t * 1e3,
                g * 1e3
            );
        }
        println!();
    }
    for (heads, n) in [(6, 1500), (12, 1500)] {
        let w = heads * 64;
        let qkv: Vec<f32> = (0..n * 3 * w).map(|i| ((i * 7919 % 1000) as f32 / 500.0 - 1.0)).collect();
        let mut out = vec![0f32; n * w];
        for p in [Precision::F32, Precision::Bf16] {
            let mut kv = KeysValues::new(heads, 64, n, p);
            let a = best(|| {
                kv.truncate(0);
                kv.append(Projected { rows: &qkv, stride: 3 * w, keys: w, values: 2 * w, count: n });
            });
            let t = best(|| {
                attend(
                    &[Sequence { keys_values: &kv, rows: 0..n }],
                    Queries { values: &qkv, stride: 3 * w, count: n },
                    Visible::All,
                    &mut out,
                )
            });
            println!(
                "attention {heads} heads {p}: pack {:.2} ms attend {:.2} ms {:.0} GF/s",
                a * 1e3,
                t * 1e3,
                4.0 * (n * n * w) as f64 / t / 1e9
            );
        }
    }
}
