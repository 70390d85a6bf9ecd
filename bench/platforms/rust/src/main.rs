//! Runs models in onnxruntime by way of the crate ort, as bench/platforms.mjs asks it to: run LIBRARY JOBS
//!
//! A line of JOBS: model, inputs, outputs, and KEY=VALUE or nothing for the session. exchange.mjs tells what inputs and
//! outputs are.

use std::{collections::BTreeMap, env, error::Error, fmt::Write as _, fs};

use ort::{
    environment::Environment,
    logging::LogLevel,
    session::Session,
    value::{DynValue, PrimitiveTensorElementType, Tensor, TensorElementType, ValueType},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let [_, library, jobs] = env::args().collect::<Vec<_>>().try_into().map_err(|_| "usage: run LIBRARY JOBS")?;
    let environment = ort::init_from(&library)?.build()?;
    environment.set_log_level(LogLevel::Fatal);
    println!("version\t{}", ort::info());
    for (index, job) in fs::read_to_string(jobs)?.lines().enumerate() {
        let files: Vec<_> = job.split('\t').collect();
        match run(&environment, files[0], files[1], files[2], files[3]) {
            Ok(()) => println!("{index}\tok"),
            Err(error) => {
                let words: Vec<_> = error.to_string().split_whitespace().map(String::from).collect();
                println!("{index}\tfailed\t{}", words.join(" "));
            }
        }
    }
    Ok(())
}

fn run(environment: &Environment, model: &str, inputs: &str, outputs: &str, entry: &str) -> Outcome<()> {
    let mut builder = Session::builder(environment)?;
    if let Some((key, value)) = entry.split_once('=') {
        builder = builder.with_config_entry(key, value)?;
    }
    let mut session = builder.commit_from_file(model)?;
    let names: Vec<_> = session.outputs().iter().map(|output| output.name().to_owned()).collect();
    let (mut bin, mut tsv) = (Vec::new(), String::new());
    for (run, feeds) in read(inputs)? {
        let results = session.run(feeds)?;
        for name in &names {
            let offset = bin.len();
            let (kind, dims) = append(&results[name.as_str()], &mut bin)?;
            let dims = dims.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
            writeln!(tsv, "{run}\t{name}\t{kind}\t{dims}\t{offset}\t{}", bin.len() - offset)?;
        }
    }
    fs::write(format!("{outputs}.bin"), bin)?;
    fs::write(format!("{outputs}.tsv"), tsv)?;
    Ok(())
}

fn read(stem: &str) -> Outcome<BTreeMap<usize, Vec<(String, DynValue)>>> {
    let data = fs::read(format!("{stem}.bin"))?;
    let mut runs = BTreeMap::<usize, Vec<(String, DynValue)>>::new();
    for line in fs::read_to_string(format!("{stem}.tsv"))?.lines() {
        let fields: Vec<_> = line.split('\t').collect();
        let dims = fields[3].split(',').filter(|dim| !dim.is_empty()).map(str::parse).collect::<Result<Vec<i64>, _>>()?;
        let (offset, size): (usize, usize) = (fields[4].parse()?, fields[5].parse()?);
        let bytes = &data[offset..offset + size];
        let value = match fields[2] {
            "float32" => tensor(dims, bytes, f32::from_le_bytes)?,
            "float64" => tensor(dims, bytes, f64::from_le_bytes)?,
            "int8" => tensor(dims, bytes, i8::from_le_bytes)?,
            "uint8" => tensor(dims, bytes, u8::from_le_bytes)?,
            "bool" => tensor(dims, bytes, |[byte]: [u8; 1]| byte != 0)?,
            "int32" => tensor(dims, bytes, i32::from_le_bytes)?,
            "int64" => tensor(dims, bytes, i64::from_le_bytes)?,
            other => return Err(format!("{other} isn't known here").into()),
        };
        runs.entry(fields[0].parse()?).or_default().push((fields[1].to_owned(), value));
    }
    Ok(runs)
}

fn tensor<T: PrimitiveTensorElementType + std::fmt::Debug + Clone + 'static, const N: usize>(
    dims: Vec<i64>,
    bytes: &[u8],
    from: impl Fn([u8; N]) -> T,
) -> Outcome<DynValue> {
    let elements: Vec<T> = bytes.as_chunks::<N>().0.iter().map(|chunk| from(*chunk)).collect();
    Ok(Tensor::from_array((dims, elements))?.into_dyn())
}

fn append(value: &DynValue, bin: &mut Vec<u8>) -> Outcome<(&'static str, Vec<i64>)> {
    let ValueType::Tensor { ty, shape, .. } = value.dtype() else {
        return Err("an output isn't a tensor".into());
    };
    let kind = match ty {
        TensorElementType::Float32 => extend(value, bin, "float32", |element: f32| element.to_le_bytes())?,
        TensorElementType::Float64 => extend(value, bin, "float64", |element: f64| element.to_le_bytes())?,
        TensorElementType::Int8 => extend(value, bin, "int8", |element: i8| element.to_le_bytes())?,
        TensorElementType::Uint8 => extend(value, bin, "uint8", |element: u8| element.to_le_bytes())?,
        TensorElementType::Bool => extend(value, bin, "bool", |element: bool| [u8::from(element)])?,
        TensorElementType::Int32 => extend(value, bin, "int32", |element: i32| element.to_le_bytes())?,
        TensorElementType::Int64 => extend(value, bin, "int64", |element: i64| element.to_le_bytes())?,
        other => return Err(format!("{other} isn't known here").into()),
    };
    Ok((kind, shape.to_vec()))
}

fn extend<T: PrimitiveTensorElementType + Copy, const N: usize>(
    value: &DynValue,
    bin: &mut Vec<u8>,
    kind: &'static str,
    bytes: impl Fn(T) -> [u8; N],
) -> Outcome<&'static str> {
    let (_, elements) = value.try_extract_tensor::<T>()?;
    elements.iter().for_each(|element| bin.extend_from_slice(&bytes(*element)));
    Ok(kind)
}
