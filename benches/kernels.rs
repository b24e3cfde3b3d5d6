//! Kernels: peak rates of the instructions, packed products at the shapes of whisper-tiny, base and small, and
//! attention over a whole window, in every precision, compared with candle's products in f32. Best of several runs on
//! all threads (`RAYON_NUM_THREADS`); the peaks are those of one thread.
//!
//! `cargo bench -p kernels`. A cell contains GFLOP/s (int8: 10^9 integer operations per second) and milliseconds.
//! `EARWITNESS_CPU` limits the kernels to an instruction set; it does not limit candle.

#[cfg(target_arch = "x86_64")]
#[path = "peak.rs"]
mod peak;

use std::hint::black_box;

use candle_core::{Device, Tensor};
use kernels::{AttentionMask, CpuPrecision, Epilogue, Isa, KvCache, Linear, QkvView, Queries, Rows, Sequence, attend};
use measure::runs;

const PRECISIONS: [CpuPrecision; 3] = [CpuPrecision::F32, CpuPrecision::Bf16, CpuPrecision::Int8];
const RUNS: usize = 20;
/// Rows, inputs and outputs of products: layers of the encoder and the decoder, and the logits.
const PRODUCTS: [(usize, usize, usize); 10] = [
    (1500, 384, 1536),
    (1500, 512, 512),
    (1500, 512, 2048),
    (1500, 768, 768),
    (1500, 768, 3072),
    (1500, 3072, 768),
    (8, 768, 3072),
    (1, 512, 2048),
    (8, 768, 51_865),
    (1, 768, 51_865),
];
/// Width of a head.
const WIDTH: usize = 64;
/// Positions of a window.
const POSITIONS: usize = 1500;

fn main() {
    match Isa::check_limit() {
        Ok(isa) => println!("instruction set: {}\n", isa.name()),
        Err(reason) => {
            eprintln!("error: {reason}");
            std::process::exit(2);
        }
    }
    #[cfg(target_arch = "x86_64")]
    {
        println!("{:<30} {:>10}", "instruction, one thread", "Gop/s");
        peak::peaks().into_iter().for_each(|(name, peak)| println!("{name:<30} {:>10.0}", peak / 1e9));
        println!();
    }
    println!("{:<18} {:>18} {:>18} {:>18} {:>18}", "product", "candle f32", "f32", "bf16", "int8");
    PRODUCTS.into_iter().for_each(product);
    println!("\n{:<18} {:>18} {:>18} {:>18}", "attention", "f32", "bf16", "int8 keys");
    [6, 8, 12].into_iter().for_each(attention);
}

fn product((rows, inputs, outputs): (usize, usize, usize)) {
    let (x, weight) = (noise(rows * inputs), noise(inputs * outputs));
    let operations = 2.0 * (rows * inputs * outputs) as f64;
    let [left, right] = [(&x, (rows, inputs)), (&weight, (outputs, inputs))]
        .map(|(values, shape)| Tensor::from_slice(values, shape, &Device::Cpu).expect("a matrix"));
    let right = right.t().and_then(|right| right.contiguous()).expect("a transpose");
    let mut cells = vec![cell(operations, || drop(black_box(left.matmul(&right).expect("a product"))))];
    let mut out = vec![0.0; rows * outputs];
    for precision in PRECISIONS {
        let layer = Linear::new(&weight, None, inputs, precision);
        cells.push(cell(operations, || layer.forward(Rows::dense(&x, inputs), None, Epilogue::Store, &mut out)));
    }
    print(&format!("{rows}x{inputs}x{outputs}"), &cells);
}

fn attention(heads: usize) {
    let width = heads * WIDTH;
    let projected = noise(POSITIONS * 3 * width);
    let mut out = vec![0.0; POSITIONS * width];
    let cells = PRECISIONS.map(|precision| {
        let mut kv_cache = KvCache::new(heads, WIDTH, POSITIONS, precision);
        let rows = QkvView { rows: &projected, stride: 3 * width, keys: width, values: 2 * width, count: POSITIONS };
        kv_cache.append(rows);
        let queries = Queries { values: &projected, stride: 3 * width, count: POSITIONS };
        let sequence = [Sequence { kv_cache: &kv_cache, rows: 0..POSITIONS }];
        let operations = 4.0 * (POSITIONS * POSITIONS * width) as f64;
        cell(operations, || attend(&sequence, queries, AttentionMask::All, &mut out))
    });
    print(&format!("{heads} heads of {WIDTH}"), &cells);
}

/// Speed and time of the best run.
fn cell(operations: f64, run: impl FnMut()) -> String {
    let best = runs(0, RUNS, run).best_s();
    format!("{:.0} ({:.2} ms)", operations / best / 1e9, best * 1e3)
}

fn print(name: &str, cells: &[String]) {
    let cells: String = cells.iter().map(|cell| format!(" {cell:>18}")).collect();
    println!("{name:<18}{cells}");
}

/// Pseudorandom numbers in [-1, 1).
fn noise(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 7_919 % 1_000) as f32 / 500.0 - 1.0).collect()
}
