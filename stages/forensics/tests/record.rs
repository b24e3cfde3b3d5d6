//! Tests the whole stage on small recordings: evidence, scores, and regressions of the record.

use forensics::{ForensicInput, Forensics, ForensicsConfig, LexiconSource};
use stage_core::forensics::{Evidence, ForensicRecord, ScoreLevel};
use stage_core::{
    AlignedWords, Pcm, PcmSource, Recording, Segment, Speakers, SpeechSegments, SpeechSpan, Stage, Transcript,
    VadIdentity, Word,
};

/// Phrases of one call: channel, start in seconds, and words half a second apart.
type Phrase<'a> = (u16, f64, &'a str);

fn words(phrases: &[Phrase<'_>]) -> Vec<Word> {
    let phrase = |&(channel, start_s, text): &Phrase<'_>| {
        let word = move |(i, text): (usize, &str)| {
            let start_s = start_s + i as f64 * 0.5;
            Word { confidence: 0.8, ..Word::of_text(channel, (start_s, start_s + 0.4), text) }
        };
        text.split_whitespace().enumerate().map(word).collect::<Vec<_>>()
    };
    let mut words: Vec<Word> = phrases.iter().flat_map(phrase).collect();
    words.sort_by(|a, b| a.channel.cmp(&b.channel).then(a.start_s.total_cmp(&b.start_s)));
    words
}

const SECONDS: u64 = 30;

fn recording() -> Recording {
    let frames = 16_000 * SECONDS;
    Recording {
        container: "wav".into(),
        codec: "pcm_s16le".into(),
        lossless: true,
        sample_rate_hz: 16_000,
        channels: 2,
        duration_s: SECONDS as f64,
        pcm_sha256: String::new(),
        pcm: PcmSource { source_frames: frames, frames, trimmed_start_frames: 0, trimmed_end_frames: 0 },
        tags: Default::default(),
        external_decoder: None,
        account: None,
        warnings: vec![],
    }
}

/// Record of a recording that is silent.
fn record_of(config: ForensicsConfig, language: &str, phrases: &[Phrase<'_>]) -> ForensicRecord {
    let silence = vec![0.0; recording().pcm.frames as usize];
    record_with(config, language, phrases, &recording(), silence)
}

/// Record of a recording with these samples in both channels.
fn record_with(
    config: ForensicsConfig,
    language: &str,
    phrases: &[Phrase<'_>],
    recording: &Recording,
    samples: Vec<f32>,
) -> ForensicRecord {
    let pcm = Pcm::from_channels(vec![samples.clone(), samples]);
    let span = |channel| SpeechSpan { channel, start_s: 0.0, end_s: 20.0, probability: 0.9 };
    let segment = |channel| Segment::of_text(channel, (0.0, 10.0), "text", language);
    let spoken = !phrases.is_empty();
    let segments = SpeechSegments {
        vad: VadIdentity { name: "energy".into(), model_sha256: None },
        spans: if spoken { vec![span(0), span(1)] } else { vec![] },
        windows: vec![],
        dropped: vec![],
        duplicates: Vec::new(),
    };
    let transcript = Transcript {
        model: "embedded".into(),
        segments: if spoken { vec![segment(0), segment(1)] } else { vec![] },
        dropped: vec![],
    };
    let words = AlignedWords { method: "given".into(), words: words(phrases) };
    let input = ForensicInput {
        recording,
        pcm: &pcm,
        segments: &segments,
        speakers: &Speakers::default(),
        transcript: &transcript,
        words: &words,
    };
    Forensics::new(config, &[]).expect("a usable configuration").run(input).expect("a record").record
}

fn english(phrases: &[Phrase<'_>]) -> ForensicRecord {
    record_of(ForensicsConfig::default(), "en", phrases)
}

fn counted(record: &ForensicRecord) -> Vec<&Evidence> {
    record.evidence.iter().filter(|item| item.discounted.is_none()).collect()
}

#[test]
fn evidence_is_every_threatening_phrase_and_no_neutral_one() {
    let marked = [
        "you will pay for this",
        "i know where you live",
        "i will find you",
        "i will kill you",
        "i will hurt you",
        "you will be sorry",
        "this is your last warning",
        "nobody will believe you",
    ];
    for phrase in marked {
        assert!(!counted(&english(&[(0, 1.0, phrase)])).is_empty(), "{phrase}");
    }
    let neutral = [
        "hello",
        "yes",
        "no",
        "thank you",
        "goodbye",
        "good morning",
        "wait a minute",
        "who is this",
        "are you there",
        "what do you want",
        "please call me back",
        "call me tomorrow",
        "my number is one two three",
        "i can not hear you",
        "i am sorry",
        "i will call the police",
        "send me the money",
    ];
    for phrase in neutral {
        assert!(english(&[(0, 1.0, phrase)]).evidence.is_empty(), "{phrase}");
    }
}

#[test]
fn evidence_times_are_those_of_its_words_and_not_zero() {
    let record = english(&[(1, 7.0, "hello I will kill you tomorrow")]);
    let item = counted(&record)[0];
    assert_eq!((item.start_s, item.end_s, item.channel), (7.5, 9.4, 1));
    assert_eq!((item.words.as_slice(), item.text.as_str()), (&[1, 2, 3, 4][..], "I will kill you"));
    assert_eq!((item.rule.as_str(), item.category.as_str()), ("en.threat.kill", "threat"));
    assert!((item.confidence - 0.8).abs() < 1e-6);
}

#[test]
fn evidence_is_never_a_part_of_another_word() {
    let record = english(&[(0, 1.0, "the skills of the class passed the assessment on overkill in Scunthorpe")]);
    assert!(record.evidence.is_empty(), "{:?}", record.evidence);
}

#[test]
fn evidence_that_somebody_else_is_reported_to_say_is_not_the_threat() {
    let record = english(&[(0, 1.0, "he said I will kill you")]);
    let [item] = &record.evidence[..] else { panic!("{:?}", record.evidence) };
    assert_eq!((item.category.as_str(), item.kind.as_str(), item.reported), ("reported", "threat", true));
    let scores = &record.scores.categories;
    assert_eq!(scores["threat"].score.value, Some(0.0));
    assert!(scores["reported"].score.value > Some(0.0));
}

#[test]
fn evidence_that_is_negated_or_quoted_is_listed_and_does_not_count() {
    for (text, why) in [
        ("I will not kill you", "negated: not"),
        ("I don't think I will kill you", "negated: do not think"),
        ("“I will kill you” is a song", "quoted: between quotation marks"),
    ] {
        let record = english(&[(0, 1.0, text)]);
        let reasons: Vec<_> = record.evidence.iter().map(|item| item.discounted.as_deref()).collect();
        assert_eq!(reasons, [Some(why)], "{text}");
        assert_eq!(record.scores.overall.value, Some(0.0), "{text}");
    }
}

#[test]
fn negation_in_another_clause_does_not_apply() {
    assert_eq!(counted(&english(&[(0, 1.0, "No, I will kill you")])).len(), 1);
    assert_eq!(counted(&english(&[(0, 1.0, "I can not. I will kill you")])).len(), 1);
}

#[test]
fn evidence_is_never_joined_from_two_channels_or_distant_words() {
    assert!(english(&[(0, 1.0, "I will"), (1, 2.0, "kill you")]).evidence.is_empty());
    assert!(english(&[(0, 1.0, "I will"), (0, 9.0, "kill you")]).evidence.is_empty());
    assert_eq!(english(&[(0, 1.0, "I will"), (0, 2.5, "kill you")]).evidence.len(), 1);
}

#[test]
fn evidence_counts_the_same_words_once_per_category() {
    let record = english(&[(0, 1.0, "if you leave I will kill you")]);
    assert_eq!(record.evidence.len(), 1);
    assert_eq!(record.evidence[0].category, "threat");
}

#[test]
fn marks_of_the_model_are_neither_phrase_nor_transcript() {
    assert!(english(&[(0, 1.0, "I will [unclear] kill you")]).evidence.is_empty());
    let record = english(&[(0, 1.0, "[unclear]")]);
    assert_eq!(record.scores.overall.reason.as_deref(), Some("no speech was transcribed"));
}

#[test]
fn korean_evidence_varies_in_endings_spacing_and_politeness() {
    for text in ["너 죽여버린다", "너 죽여 버릴 거야", "당신을 죽여버리겠습니다", "죽일 거예요"]
    {
        assert!(!counted(&record_of(ForensicsConfig::default(), "ko", &[(0, 1.0, text)])).is_empty(), "{text}");
    }
    for text in ["안녕하세요 잘 지내세요", "배고파 죽겠어요", "내일 다시 전화할게요", "죽여버린다고 했어요"]
    {
        let record = record_of(ForensicsConfig::default(), "ko", &[(0, 1.0, text)]);
        assert!(counted(&record).iter().all(|item| item.reported), "{text}: {:?}", record.evidence);
    }
}

#[test]
fn korean_evidence_is_the_threats_of_a_creditor_alone() {
    let counted_in = |text: &str| -> Vec<String> {
        let record = record_of(ForensicsConfig::default(), "ko", &[(0, 1.0, text)]);
        counted(&record).iter().map(|item| item.category.clone()).collect()
    };
    for text in ["금요일까지 안 보내면 가만두지 않을 거야", "네가 어디 사는지 다 알아"] {
        assert!(counted_in(text).iter().any(|category| category == "threat"), "{text}");
    }
    for text in ["여보세요", "실례지만 누구세요", "내일 오후 세 시에 은행에서 만나요"] {
        assert!(counted_in(text).is_empty(), "{text}");
    }
}

#[test]
fn scores_without_evidence_are_exactly_zero() {
    for deception in [false, true] {
        let config = ForensicsConfig { deception, ..ForensicsConfig::default() };
        let record = record_of(config, "en", &[(0, 1.0, "hello can you call me back tomorrow morning")]);
        assert_eq!(record.scores.overall.value, Some(0.0));
        assert_eq!(record.scores.categories["threat"].score.value, Some(0.0));
    }
}

#[test]
fn deception_is_off_by_default_and_the_heaviest_category_counts_in_full() {
    for deception in [false, true] {
        let config = ForensicsConfig { deception, ..ForensicsConfig::default() };
        let record = record_of(config, "en", &[(0, 1.0, "to be honest I will kill you")]);
        let scores = &record.scores;
        assert_eq!(scores.categories.values().map(|c| c.weight).fold(0.0, f64::max), 1.0);
        assert_eq!(scores.categories["threat"].weight, 1.0);
        assert_eq!(scores.categories["deception"].score.value.is_some(), deception);
        assert_eq!(record.evidence.iter().any(|item| item.category == "deception"), deception);
        let named = &scores.categories["threat"].evidence;
        assert!(named.iter().all(|&i| record.evidence[i as usize].category == "threat") && named.len() == 1);
    }
}

#[test]
fn confidence_of_the_words_is_stated_beside_the_score_and_does_not_change_it() {
    let record = english(&[(0, 1.0, "I will kill you")]);
    let threat = &record.scores.categories["threat"];
    assert!((threat.reliability.value.unwrap() - 0.8).abs() < 1e-6);
    assert_eq!(threat.level, Some(ScoreLevel::Critical));
    assert!(threat.moments == 1 && record.scores.overall.value == threat.score.value);
}

#[test]
fn scores_without_speech_or_lexicon_are_null_with_a_reason() {
    let silent = english(&[]);
    assert_eq!(silent.scores.overall.reason.as_deref(), Some("no speech was detected"));
    assert_eq!((silent.scores.level, silent.scores.coverage.ratio.value), (None, None));
    let record = record_of(ForensicsConfig::default(), "ja", &[(0, 1.0, "もしもし")]);
    assert_eq!(record.scores.overall.reason.as_deref(), Some("no lexicon covers the language (ja)"));
    assert_eq!(record.scores.coverage.languages_without_lexicon, ["ja"]);
}

#[test]
fn coverage_is_the_share_of_transcribed_speech() {
    let coverage = english(&[(0, 1.0, "hello there")]).scores.coverage;
    assert_eq!((coverage.speech_s, coverage.transcribed_s, coverage.ratio.value), (40.0, 20.0, Some(0.5)));
    assert!((coverage.mean_confidence.value.unwrap() - 0.8).abs() < 1e-6);
}

/// Harmonics of 125 Hz from 300 to 3400 Hz.
fn telephone_voice() -> Vec<f32> {
    let harmonics = |n: u64| (3..=27).map(move |k| (n as f64 * 125.0 * k as f64 / 16_000.0, 0.3 / k as f64));
    let sample = |n| harmonics(n).map(|(turns, a)| a * (std::f64::consts::TAU * turns).sin()).sum::<f64>() as f32;
    (0..16_000 * SECONDS).map(sample).collect()
}

#[test]
fn limits_of_coded_telephone_sound_at_a_high_rate_name_both() {
    let coded = Recording { codec: "aac".into(), lossless: false, ..recording() };
    let record = record_with(ForensicsConfig::default(), "en", &[(0, 1.0, "hello")], &coded, telephone_voice());
    for note in ["but its sound ends at 3", "lossy codec (aac)"] {
        assert!(record.limits.iter().any(|text| text.contains(note)), "{note}: {:?}", record.limits);
    }
}

#[test]
fn record_has_the_speech_the_pauses_and_the_change_of_the_voice() {
    let record = record_with(ForensicsConfig::default(), "en", &[(0, 1.0, "hello")], &recording(), telephone_voice());
    let measures = &record.channels[1].measures;
    assert_eq!(measures["speech"]["spans"], serde_json::json!([{"start_s": 0.0, "end_s": 20.0}]));
    assert_eq!(measures["speech"]["overlap_s"]["value"], 20.0);
    assert_eq!(
        measures["speech"]["pause_count"]["value"], 0,
        "where there is sound, a gap between words is not a pause"
    );
    let prosody = &measures["voice"]["prosody"];
    assert!((prosody["baseline_f0_hz"]["value"].as_f64().unwrap() - 125.0).abs() < 0.5, "{prosody}");
    assert_eq!(prosody["escalations"], serde_json::json!([]));
}

#[test]
fn identity_has_every_setting_and_lexicon() {
    let identity = |config| Forensics::new(config, &[]).unwrap().identity().settings;
    let base = ForensicsConfig::default;
    let plain = identity(base());
    assert_eq!(plain["lexicons_sha256"].as_array().unwrap().len(), forensics::built_in().count());
    let mut pitch = base();
    pitch.measures.insert("f0".into(), serde_json::json!({"floor_hz": 60.0}));
    let mut weight = base();
    weight.scores[0].weight = 30.0;
    let gap = ForensicsConfig { phrase_gap_max_s: 1.0, ..base() };
    let mut level = base();
    level.levels.high = 65.0;
    for changed in [ForensicsConfig { deception: true, ..base() }, pitch, weight, gap, level] {
        assert_ne!(identity(changed), plain);
    }
    let text = "language = 'en'\n[[rule]]\nid = 'mine.boat'\ncategory = 'threat'\n\
                kind = 'veiled'\nseverity = 0.5\npatterns = ['sink your boat']\nmatches = ['I may sink your boat']\n\
                rejects = ['sink your boats']\n";
    let lexicon = LexiconSource { name: "mine.toml".to_owned(), text: text.to_owned() };
    let more = Forensics::new(base(), &[lexicon]).unwrap().identity().settings;
    assert_eq!(more["lexicons_sha256"].as_array().unwrap().len(), forensics::built_in().count() + 1);
}
