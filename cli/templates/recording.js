'use strict';
const TEXTS = {
  en: {
    allCalls: 'All calls of the case', ofInputs: 'fingerprint', ofResult: 'result', modelFiles: 'Files of models', usedBy: 'Used by', skip: 'Skip to the transcript', player: 'Player', previous: 'Previous item', next: 'Next item', speed: 'Speed', follow: 'Text follows',
    reviewMode: 'Review mode', keys: 'Keys', close: 'Close', sound: 'Sound', zoomIn: 'Zoom in', zoomOut: 'Zoom out', wholeCall: 'Whole call',
    timelineLabel: 'Waveform, spectrogram, turns and evidence over time. A click seeks; the tables below have the same times.',
    about: 'Automatic transcript of one recording, with the evidence that fixed rules found in it. Words, speakers and times may be wrong: listen to each item before you rely on it. Scores rank what to listen to first. They are not a verdict, and nobody’s truthfulness is judged.',
    evidence: 'Evidence', evidenceHint: 'Each match of a rule. A click plays from 1 s before it. Discounted items are listed with the reason and do not count in scores.',
    scores: 'Scores', transcript: 'Transcript', omitted: 'What was not transcribed', review: 'Review', facts: 'Recording', measures: 'Quality and measurements', cues: 'Possible traces of editing', limits: 'Limits', custody: 'Custody',
    reading: 'A click on a word plays from it. Dotted: recognized with a probability under 50 %, or text that is not reliable, marked [?]. Italic: times that may be wrong by more than 0.2 s. Colored: evidence.',
    all: 'all', category: 'Category', speaker: 'Speaker', state: 'State', counted: 'counts', discounted: 'discounted', search: 'Search text', noItems: 'No evidence was found. What was not transcribed, or is worded otherwise, is not found.',
    number: 'No.', time: 'Time', kind: 'Kind', severity: 'Severity', text: 'Text', rule: 'Rule', shown: '{0} of {1} items shown', order: 'Sort by',
    wholeRow: 'Overall', score: 'Score', level: 'Level', moments: 'Moments', reliability: 'Reliability', items: 'Items', notAssessable: 'not assessable', call: 'Whole call', weight: 'Weight',
    scoreHint: 'A score of 0 to 100 is an index over the items that count. Moments: separate intervals with items. Reliability: mean confidence of the words of the items; it does not change the score.',
    coverage: 'Coverage', coverageText: '{0} of {1} of speech were transcribed reliably ({2}); {3} have low confidence; mean confidence of the words: {4}.', noLexicon: 'No lexicon covers: {0}.', undetermined: 'text without a known language',
    unknown: 'unknown', channel: 'Channel {0}', noTranscript: 'No speech was transcribed.', noneOmitted: 'Every interval with detected speech was transcribed, and no text is marked as unreliable.', from: 'From', to: 'To', length: 'Length', reason: 'Reason', dropped: 'not transcribed', lowText: 'text not reliable', cut: 'text ends early', what: 'What',
    direction: 'Direction', incoming: 'incoming', outgoing: 'outgoing', contact: 'Contact', phone: 'Number', date: 'Date', dateNote: 'local time, from the file name', file: 'File', path: 'Path', size: 'Size', bytes: 'bytes', format: 'Format', rate: 'Sample rate', channels: 'Channels', otherNames: 'Other names', tags: 'Tags', decoder: 'External decoder', account: 'Bytes', accountText: '{0} sound, {1} other, {2} left out; {3} of {4} packets damaged; parts: {5}', nameEncoding: 'Encoding of the name (a guess)', warnings: 'Warnings', exhibit: 'Exhibit', party: 'Other party', caseTitle: 'Case', note: 'Note', people: 'Speakers',
    measurement: 'Measurement', value: 'Value', remark: 'Reason or remark', notMeasured: 'not measured', turnTaking: 'Turn taking', further: 'Further measurements',
    fileHash: 'SHA-256 of the file', pcmHash: 'SHA-256 of the decoded samples', playedHash: 'SHA-256 of the played copy', recompute: 'How to check', recomputeFile: 'Hash of the file:', recomputeCase: 'All records of the case, in its folder DIR:', stage: 'Stage', versions: 'Version', fingerprint: 'Fingerprint and result (SHA-256)', model: 'Model', settings: 'Settings', computed: 'Computed', tool: 'tool',
    custodyHint: 'A hash proves that this file is the one that was analyzed, not that the recording is genuine. The fingerprint is the hash of all that a stage’s result depends on.', caseFile: 'SHA-256 of case.toml',
    audioNone: 'The recording cannot be played here: {0}', audioError: 'The recording could not be loaded. It must be at this place, relative to the page: {0}', audioCopy: 'Played is a listening copy, not the original: {0}, {1} bits, {2}. It has the same start, length, channels and times; the section Custody states both hashes.', copyExact: 'every sample equals the output of the decoder', copyRounded: 'samples are rounded', copyClipped: 'samples are rounded, and {0} above full scale were clipped', playNone: 'Chromium does not play this format ({0}). “earwitness export DIR --format html --listening-copy flac” writes a copy that it plays.', playInexact: 'In this format ({0}) Chromium seeks only approximately, with a variable bit rate seconds off. “earwitness export DIR --format html --listening-copy flac” writes a copy that plays at the times shown.', formatIn: '{0} in {1}', noReason: 'no reason is stated',
    cuesHint: 'Places to examine, and statements of the file that disagree. Each names what else leaves such a trace: none is a finding that the recording was altered. Most cuts leave no trace that is found here.', strength: 'Strength', otherwise: 'What else leaves it', againAt: 'again at {0}', exceeds: '{0}, listed above {1}', noCues: 'No trace was found.', sought: 'Sought without a trace: {0}.', notSought: 'These results are of a version that did not seek traces.', container: 'file', cueLane: 'traces',
    noOverview: 'These results are of a version without waveform and spectrogram.', evLane: 'evidence', dropLane: 'not transcribed', wave: 'waveform', spec: 'spectrogram', levelLane: 'level', overlap: 'possible overlap', lowLane: 'unreliable text', countedMark: 'item that counts', offMark: 'discounted item', waveScale: 'top {0} dBFS',
    confirm: 'Confirm', reject: 'Reject', addNote: 'Note', withdraw: 'Withdraw', remove: 'Remove', 'correct-text': 'text', 'correct-speaker': 'speaker', confirmed: 'confirmed', rejected: 'rejected', author: 'Your name', reviewHint: 'Reviews are statements beside the results, which stay as the program made them. In review mode, judge items in the evidence table; click a word, or press e, to correct it.', needAuthor: 'Enter your name first, in the section Review.',
    download: 'Download review file', importHint: 'Add the downloaded file to the case:', statements: 'Statements', by: 'Reviewer', at: 'Stated at', notExported: 'not yet downloaded', exported: 'downloaded', noStatements: 'No statements yet.', noCase: 'This page does not state the ID of its case, which a review file needs.', stored: 'Statements are kept in this browser until the case has them.', notStored: 'This browser keeps nothing for this page: download before you close it.', send: 'Save in the case', inCase: 'in the case', notSent: 'not saved yet', sent: 'All statements are in the case.', sendFailed: 'Not saved in the case: {0}', audioServer: 'The server does not give the recording: it is not where it was, or its bytes have changed.',
    current: 'current', superseded: 'superseded', withdrawn: 'withdrawn', outdated: 'outdated', target: 'Item', statement: 'Statement', word: 'word', segment: 'segment', save: 'Save', cancel: 'Cancel', wholeSegment: 'Whole segment', badText: 'The text is empty, too long, or has characters that cannot be printed.', nothing: 'Nothing was changed.', program: 'Program',
    redacted: 'Masked copy', reviewedCopy: 'Copy with corrections', lowSegment: 'not reliable: {0}', segmentText: 'Corrected text: {0}', segmentSpeaker: 'Corrected speaker: {0}',
    k_space: 'play or pause', k_np: 'next, previous evidence item', k_arrows: '2 s back, 2 s on', k_speed: 'slower, faster', k_zoom: 'zoom', k_e: 'correct the current word (review mode)', k_help: 'this list', confidence: 'confidence', error: 'expected error', uncertainTime: 'times uncertain', noTime: 'without time', speakerHint: 'the id of a person in case.toml, or a name', actions: 'Actions', printed: 'Rows of the picture: {0} min',
  },
  ko: {
    allCalls: '사건의 모든 통화', ofInputs: '지문', ofResult: '결과', modelFiles: '모델 파일', usedBy: '사용한 단계', skip: '녹취로 건너뛰기', player: '재생', previous: '이전 항목', next: '다음 항목', speed: '속도', follow: '글 따라가기',
    reviewMode: '검토 모드', keys: '단축키', close: '닫기', sound: '소리', zoomIn: '확대', zoomOut: '축소', wholeCall: '통화 전체',
    timelineLabel: '시간에 따른 파형, 스펙트로그램, 발화, 증거. 누르면 그 위치로 이동합니다. 아래 표에 같은 시각이 있습니다.',
    about: '녹음 한 건을 자동으로 받아쓴 글과, 정해진 규칙이 그 안에서 찾은 증거입니다. 단어, 화자, 시각이 틀릴 수 있으므로 근거로 삼기 전에 각 항목을 직접 들어 확인하십시오. 점수는 먼저 들을 곳을 정하는 지표일 뿐, 판정이 아니며 누구의 진실성도 판단하지 않습니다.',
    evidence: '증거', evidenceHint: '규칙에 맞은 표현의 목록입니다. 누르면 1초 전부터 재생합니다. 제외된 항목은 이유와 함께 표시되며 점수에 들어가지 않습니다.',
    scores: '점수', transcript: '녹취', omitted: '받아쓰지 않은 부분', review: '검토', facts: '녹음 정보', measures: '음질과 측정값', cues: '편집 흔적일 수 있는 점', limits: '한계', custody: '보관 연속성',
    reading: '단어를 누르면 그곳부터 재생합니다. 점선: 인식 확률 50 % 미만이거나 믿을 수 없는 글([?] 표시). 기울임: 시각이 0.2초 넘게 틀릴 수 있음. 색: 증거.',
    all: '전체', category: '분류', speaker: '화자', state: '상태', counted: '반영', discounted: '제외', search: '본문 검색', noItems: '증거가 발견되지 않았습니다. 받아쓰지 않았거나 다르게 표현된 것은 찾지 못합니다.',
    number: '번호', time: '시각', kind: '종류', severity: '심각도', text: '내용', rule: '규칙', shown: '{1}개 중 {0}개 표시', order: '정렬:',
    wholeRow: '종합', score: '점수', level: '수준', moments: '장면', reliability: '신뢰도', items: '항목', notAssessable: '평가 불가', call: '통화 전체', weight: '가중치',
    scoreHint: '점수(0~100)는 반영된 항목들의 지표입니다. 장면: 항목이 있는 서로 다른 구간의 수. 신뢰도: 항목 단어들의 평균 인식 확률이며 점수를 바꾸지 않습니다.',
    coverage: '범위', coverageText: '말소리 {1} 가운데 신뢰할 수 있게 받아쓴 것: {0}({2}). 신뢰도가 낮은 것: {3}. 단어의 평균 확률: {4}.', noLexicon: '사전이 없는 언어: {0}.', undetermined: '언어를 알 수 없는 글',
    unknown: '불명', channel: '채널 {0}', noTranscript: '받아쓴 말이 없습니다.', noneOmitted: '감지된 말소리를 모두 받아썼고, 믿을 수 없다고 표시된 글이 없습니다.', from: '시작', to: '끝', length: '길이', reason: '이유', dropped: '받아쓰지 않음', lowText: '믿을 수 없는 글', cut: '글이 일찍 끝남', what: '내용',
    direction: '방향', incoming: '수신', outgoing: '발신', contact: '상대방', phone: '번호', date: '일시', dateNote: '파일 이름에 적힌 현지 시각', file: '파일', path: '경로', size: '크기', bytes: '바이트', format: '형식', rate: '표본화율', channels: '채널', otherNames: '다른 이름', tags: '태그', decoder: '외부 디코더', account: '바이트 내역', accountText: '소리 {0}, 그 밖 {1}, 빠진 것 {2}; 패킷 {4}개 중 {3}개 손상; 이어진 부분 {5}', nameEncoding: '이름의 문자 인코딩(추정)', warnings: '경고', exhibit: '증거 번호', party: '상대방', caseTitle: '사건', note: '메모', people: '화자',
    measurement: '측정', value: '값', remark: '이유 또는 비고', notMeasured: '측정 안 됨', turnTaking: '말 주고받기', further: '그 밖의 측정',
    fileHash: '파일의 SHA-256', pcmHash: '디코딩한 표본의 SHA-256', playedHash: '재생하는 사본의 SHA-256', recompute: '확인 방법', recomputeFile: '파일의 해시:', recomputeCase: '사건 폴더 DIR의 모든 기록:', stage: '단계', versions: '버전', fingerprint: '지문과 결과 (SHA-256)', model: '모델', settings: '설정', computed: '계산', tool: '도구',
    custodyHint: '해시는 이 파일이 분석된 파일과 같음을 증명할 뿐, 녹음이 진짜임을 증명하지 않습니다. 지문은 각 단계의 결과를 정하는 모든 것의 해시입니다.', caseFile: 'case.toml의 SHA-256',
    audioNone: '여기서 녹음을 재생할 수 없습니다: {0}', audioError: '녹음을 불러오지 못했습니다. 이 문서를 기준으로 다음 위치에 있어야 합니다: {0}', audioCopy: '재생되는 것은 원본이 아니라 청취용 사본입니다: {0}, {1}비트, {2}. 시작, 길이, 채널, 시각은 원본과 같으며, 두 해시는 보관 연속성 부분에 있습니다.', copyExact: '모든 표본이 디코더의 출력과 같음', copyRounded: '표본을 반올림함', copyClipped: '표본을 반올림했고, 최대값을 넘은 {0}개는 잘림', playNone: '크로미움은 이 형식({0})을 재생하지 못합니다. “earwitness export DIR --format html --listening-copy flac”으로 재생할 수 있는 사본을 만드십시오.', playInexact: '이 형식({0})에서는 크로미움의 위치 이동이 정확하지 않으며, 가변 비트율이면 몇 초까지 어긋납니다. “earwitness export DIR --format html --listening-copy flac”으로 표시된 시각과 맞는 사본을 만드십시오.', formatIn: '{0}({1})', noReason: '이유가 적혀 있지 않음',
    cuesHint: '살펴볼 곳과, 파일에 적힌 내용이 서로 어긋나는 점입니다. 그런 흔적을 남길 수 있는 다른 까닭을 함께 적었으며, 어느 것도 녹음이 변경되었다는 판정이 아닙니다. 잘라 낸 곳은 대부분 여기서 찾을 수 있는 흔적을 남기지 않습니다.', strength: '세기', otherwise: '다른 까닭', againAt: '같은 소리: {0}', exceeds: '{0}, {1}을 넘어 표시됨', noCues: '흔적을 찾지 못했습니다.', sought: '찾았으나 흔적이 없는 것: {0}.', notSought: '흔적을 찾지 않는 이전 버전의 결과입니다.', container: '파일', cueLane: '흔적',
    noOverview: '파형과 스펙트로그램이 없는 이전 버전의 결과입니다.', evLane: '증거', dropLane: '받아쓰지 않음', wave: '파형', spec: '스펙트로그램', levelLane: '수준', overlap: '겹침 가능', lowLane: '믿을 수 없는 글', countedMark: '반영된 항목', offMark: '제외된 항목', waveScale: '최대 {0} dBFS',
    confirm: '확인', reject: '부정', addNote: '메모', withdraw: '철회', remove: '지우기', 'correct-text': '글', 'correct-speaker': '화자', confirmed: '확인됨', rejected: '부정됨', author: '검토자 이름', reviewHint: '검토는 결과 옆에 남기는 진술이며, 프로그램의 결과는 그대로 있습니다. 검토 모드에서 증거 표의 항목을 판단하고, 단어를 누르거나 e 키를 눌러 고칩니다.', needAuthor: '먼저 검토 부분에 이름을 적으십시오.',
    download: '검토 파일 내려받기', importHint: '내려받은 파일을 사건에 더하려면:', statements: '진술', by: '검토자', at: '시각', notExported: '아직 내려받지 않음', exported: '내려받음', noStatements: '아직 진술이 없습니다.', noCase: '이 문서에 사건 ID가 없어 검토 파일을 만들 수 없습니다.', stored: '진술은 사건에 더해질 때까지 이 브라우저에 보관됩니다.', notStored: '이 브라우저는 이 문서의 내용을 보관하지 않습니다. 닫기 전에 내려받으십시오.', send: '사건에 저장', inCase: '사건에 있음', notSent: '아직 저장되지 않음', sent: '모든 진술이 사건에 있습니다.', sendFailed: '사건에 저장하지 못함: {0}', audioServer: '서버가 녹음을 내주지 않습니다. 녹음이 제자리에 없거나 내용이 바뀌었습니다.',
    current: '유효', superseded: '대체됨', withdrawn: '철회됨', outdated: '이전 결과', target: '대상', statement: '진술', word: '단어', segment: '구간', save: '저장', cancel: '취소', wholeSegment: '구간 전체', badText: '글이 비었거나 너무 길거나 인쇄할 수 없는 문자가 있습니다.', nothing: '바뀐 것이 없습니다.', program: '프로그램',
    redacted: '가린 사본', reviewedCopy: '고친 사본', lowSegment: '믿을 수 없음: {0}', segmentText: '고친 글: {0}', segmentSpeaker: '고친 화자: {0}',
    k_space: '재생, 일시 정지', k_np: '다음, 이전 증거 항목', k_arrows: '2초 뒤로, 앞으로', k_speed: '느리게, 빠르게', k_zoom: '확대, 축소', k_e: '현재 단어 고치기 (검토 모드)', k_help: '이 목록', confidence: '확률', error: '예상 오차', uncertainTime: '시각 불확실', noTime: '시각 없음', speakerHint: 'case.toml에 있는 사람의 id 또는 이름', actions: '동작', printed: '그림 한 줄: {0}분',
  },
};
// Names that results contain. Other names are shown as they are.
const NAMES = {
  en: {
    f0: 'F0', at_floor_ratio: 'share near the lower limit', ceiling_hz: 'upper limit of the search', floor_hz: 'lower limit of the search', f0_mean_hz: 'mean', f0_median_hz: 'median', f0_p05_hz: '5th percentile', f0_p95_hz: '95th percentile', f0_range_semitones: 'range', f0_sd_hz: 'standard deviation', speech_frames: 'frames of speech', voiced_frames: 'voiced frames',
    clipping_ratio: 'share of clipped samples', dc_offset: 'DC offset', digital_silence_s: 'digital silence', peak_dbfs: 'peak', rms_dbfs: 'RMS', speech_rms_dbfs: 'RMS of speech', articulation_rate_per_s: 'syllables per second of speech', pause_count: 'number of pauses', pause_longest_s: 'longest pause', pause_mean_s: 'mean pause', speech_ratio: 'share of speech', speech_s: 'length of speech', mean_turn_s: 'mean turn', overlap_s: 'overlap', latency_s: 'time until the answer',
    loudness_lufs: 'loudness', true_peak_dbtp: 'true peak', snr_db: 'signal-to-noise ratio', noise_dbfs: 'noise', bandwidth_hz: 'bandwidth', cutoff_hz: 'cut-off of a filter or codec', dropout_count: 'number of dropouts', spans: 'intervals of speech', at_ceiling_ratio: 'share near the upper limit', octave_error_ratio: 'share of octave errors',
    whole: 'whole channel', band_hz: 'end of the speech band', formant_ceiling_hz: 'upper limit of the formant search', voiced_s: 'length of voiced speech', level_mean_dbfs: 'level, mean', level_sd_db: 'level, standard deviation', periods: 'number of periods', jitter_local: 'jitter (local)', jitter_rap: 'jitter (rap)', jitter_ppq5: 'jitter (ppq5)', jitter_ddp: 'jitter (ddp)', shimmer_local: 'shimmer (local)', shimmer_apq3: 'shimmer (apq3)', shimmer_apq5: 'shimmer (apq5)', shimmer_apq11: 'shimmer (apq11)', hnr_mean_db: 'harmonics-to-noise ratio, mean', hnr_sd_db: 'harmonics-to-noise ratio, standard deviation', f1_mean_hz: 'F1, mean', f2_mean_hz: 'F2, mean', f3_mean_hz: 'F3, mean', f4_mean_hz: 'F4, mean', cpp_mean_db: 'cepstral peak prominence, mean', spectral_tilt_db_per_octave: 'spectral tilt per octave', alpha_ratio_mean_db: 'alpha ratio, mean', hammarberg_mean_db: 'Hammarberg index, mean', h1_h2_mean_db: 'H1-H2, mean', h1_a3_mean_db: 'H1-A3, mean', ltas_band_hz: 'band of the long-term spectrum', ltas_dbfs_per_hz: 'bands of the long-term spectrum',
    prosody: 'change of level and F0', seconds: 'seconds with voice', baseline_level_dbfs: 'baseline of the level', baseline_f0_hz: 'baseline of F0', level_change_db: 'level, mean change in a second', f0_change_semitones: 'F0, mean change in a second', level_rise_db: 'level, rise', level_rise_at_s: 'level, place of the largest rise', f0_rise_semitones: 'F0, rise', f0_rise_at_s: 'F0, place of the largest rise', escalations: 'zones both louder and higher', start_s: 'start', end_s: 'end',
  },
  ko: {
    'copied-segment': '복사된 구간', 'hum-phase-jump': '전원 잡음(험)의 위상 도약', 'level-step': '수준의 계단', 'noise-gap': '배경 잡음의 빈틈', 'digital-silence': '디지털 무음', 'earlier-encoding': '앞선 부호화', 'earlier-mp3-encoding': '앞선 MP3 부호화', 'frame-grid-change': '앞선 부호화의 프레임 격자 변화', 'earlier-encoding-at-other-rate': '다른 표본화율의 앞선 부호화', 'frame-grid-change-at-other-rate': '다른 표본화율의 프레임 격자 변화', 'times-disagree': '시각이 서로 어긋남', 'encoder-disagrees': '부호화 프로그램이 어긋남', 'container-structure': '파일의 구조',
    threat: '협박', coercion: '강요', extortion: '공갈', fraud: '사기', stalking: '스토킹', insult: '모욕', gaslighting: '가스라이팅', violence: '폭력', reported: '전해진 일', deception: '기만 표지', emotional_manipulation: '정서적 조종',
    direct: '직접', conditional: '조건부', veiled: '암시', economic: '경제적', social: '사회적', emotional: '정서적', guilt: '죄책감 유발', isolation: '고립', control: '통제', silence: '발설 금지', denial: '부인', countering: '반박', trivializing: '축소', diverting: '화제 돌리기', blocking: '차단', 'blame-shifting': '책임 전가', 'reality distortion': '현실 왜곡', blackmail: '약점 협박', demand: '요구', credentials: '인증 정보', pretext: '구실', urgency: '재촉', assurance: '보장', pursuit: '따라다님', surveillance: '감시', 'unwanted contact': '원치 않는 연락', profanity: '욕설', degrading: '비하', devaluing: '깎아내림', domestic: '가정', sexual: '성적', 'self-harm as pressure': '자해 위협', hedging: '얼버무림', distancing: '거리 두기', 'negative emotion': '부정적 감정', 'exclusive words': '배제어',
    minimal: '미미', low: '낮음', moderate: '보통', high: '높음', critical: '심각', incoming: '수신', outgoing: '발신', 'left-out': '빠짐', damaged: '손상', incomplete: '불완전', gap: '빈 구간', header: '머리 정보', unclassified: '미분류',
    quality: '음질', loudness_lufs: '라우드니스', true_peak_dbtp: '트루 피크', snr_db: '신호 대 잡음비', noise_dbfs: '잡음 수준', bandwidth_hz: '대역폭', cutoff_hz: '차단 주파수', dropout_count: '끊김 수', dropouts: '끊김',
    voice: '음성', whole: '채널 전체', band_hz: '말소리 대역의 끝', formant_ceiling_hz: '포먼트 탐색 상한', acoustics: '음향', voiced_s: '유성음 길이', level_mean_dbfs: '평균 수준', level_sd_db: '수준의 표준편차', periods: '주기 수', jitter_local: '지터(local)', jitter_rap: '지터(rap)', jitter_ppq5: '지터(ppq5)', jitter_ddp: '지터(ddp)', shimmer_local: '시머(local)', shimmer_apq3: '시머(apq3)', shimmer_apq5: '시머(apq5)', shimmer_apq11: '시머(apq11)', hnr_mean_db: '배음 대 잡음비', hnr_sd_db: '배음 대 잡음비의 표준편차', f1_mean_hz: 'F1 평균', f2_mean_hz: 'F2 평균', f3_mean_hz: 'F3 평균', f4_mean_hz: 'F4 평균', cpp_mean_db: '켑스트럼 피크 돌출도', spectral_tilt_db_per_octave: '스펙트럼 기울기(옥타브당)', alpha_ratio_mean_db: '알파 비', hammarberg_mean_db: '함마르베리 지수', h1_h2_mean_db: 'H1-H2', h1_a3_mean_db: 'H1-A3', ltas_band_hz: '장기 스펙트럼의 밴드 폭', ltas_dbfs_per_hz: '장기 스펙트럼의 밴드 수', at_ceiling_ratio: '상한 부근의 비율', octave_error_ratio: '옥타브 오류 비율', spans: '말소리 구간', segments: '구간', words: '단어',
    prosody: '수준과 F0의 변화', seconds: '목소리가 있는 초의 수', baseline_level_dbfs: '기준 수준', baseline_f0_hz: '기준 F0', level_change_db: '1초 사이 수준 변화의 평균', f0_change_semitones: '1초 사이 F0 변화의 평균', level_rise_db: '수준 상승', level_rise_at_s: '수준이 가장 크게 오른 곳', f0_rise_semitones: 'F0 상승', f0_rise_at_s: 'F0가 가장 크게 오른 곳', escalations: '더 크고 더 높은 구간', start_s: '시작', end_s: '끝',
    level: '신호 수준', speech: '말', f0: '기본 주파수', at_floor_ratio: '하한 부근의 비율', ceiling_hz: '상한', floor_hz: '하한', f0_mean_hz: '평균', f0_median_hz: '중앙값', f0_p05_hz: '5 백분위', f0_p95_hz: '95 백분위', f0_range_semitones: '범위', f0_sd_hz: '표준편차', speech_frames: '말소리 프레임 수', voiced_frames: '유성음 프레임 수', clipping_ratio: '클리핑 비율', dc_offset: 'DC 오프셋', digital_silence_s: '디지털 무음', peak_dbfs: '최대 수준', rms_dbfs: 'RMS 수준', speech_rms_dbfs: '말소리 RMS 수준', articulation_rate_per_s: '조음 속도(음절)', pause_count: '쉼 수', pause_longest_s: '가장 긴 쉼', pause_mean_s: '평균 쉼', speech_ratio: '말소리 비율', speech_s: '말소리 길이', syllables_per_minute: '음절 속도', words_per_minute: '단어 속도', overlap_s: '겹침', turns: '차례 수', share: '비율', mean_turn_s: '평균 차례 길이', changes: '교대 수', interruptions: '끼어들기', latency_s: '응답 지연', speakers: '화자', pairs: '화자 쌍',
  },
};
// Sentences of the program in Korean. Others stay in English.
const SENTENCES = [
  [/^The scores are an index over the evidence listed here\..*$/, '점수는 여기 나열된 증거의 지표입니다. 실제 결과와 견주어 검증되지 않았고, 어떤 사람에 대한 판정도 아닙니다.'],
  [/^Nothing here shows whether somebody is truthful\..*$/, '여기 있는 어떤 것도 누가 진실한지 보여 주지 않습니다. 목소리도 낱말도 그것을 믿을 만하게 보여 주지 않습니다.'],
  [/^Evidence is found in an automatic transcript by fixed rules.*$/, '증거는 자동으로 받아쓴 글에서 정해진 규칙으로 찾습니다. 받아쓰지 않았거나 다르게 표현된 것은 놓치며, 반어, 농담, 맥락을 이해하지 못합니다. 근거로 삼기 전에 모든 항목을 들어 보십시오.'],
  [/^An authenticity cue is a place to examine.*$/, '편집 흔적일 수 있는 점은 살펴볼 곳일 뿐, 녹음이 변경되었다는 판정이 아닙니다. 그런 흔적을 남길 수 있는 다른 까닭을 함께 적었습니다. 잘라 낸 곳은 대부분 여기서 찾을 수 있는 흔적을 남기지 않으므로, 흔적이 없다고 해서 변경되지 않았다는 뜻이 아닙니다.'],
  [/^the file name has (\S+), and (.*) has (\S+): no time zone has both$/, '파일 이름에는 $1, $2에는 $3가 적혀 있어 어느 시간대에도 맞지 않음'], [/^(\S+) of track (\d+) was created at (\S+), and mvhd at (\S+)$/, '트랙 $2의 $1은 $3, mvhd는 $4에 만들어짐'], [/^mvhd was created at (\S+) and changed at (\S+)$/, 'mvhd가 $1에 만들어지고 $2에 바뀜'],
  [/^(.*) names (.*) \((.*)\), which phones do not record with$/, '$1에 전화기가 녹음에 쓰지 않는 $2($3)가 적혀 있음'], [/^(.*) names (.*) \((.*)\), and the file name is that of (.*)$/, '$1에 $2($3)가 적혀 있으나 파일 이름은 $4의 것임'], [/^the container is (\S+), and the file name is that of (.*), which writes others$/, '파일 이름은 $2의 것이나 형식이 그 녹음기가 쓰지 않는 $1임'],
  [/^the file holds (\d+) recordings, one after the other$/, '파일에 녹음 $1건이 이어져 있음'], [/^the file has (\d+) boxes (\S+)$/, '파일에 $2 상자가 $1개 있음'], [/^the edit list of track (\d+) joins (\d+) parts of the media$/, '트랙 $1의 편집 목록이 소리의 $2부분을 이어 붙임'], [/^the edit list of track (\d+) leaves out the first (\S+) s of the media$/, '트랙 $1의 편집 목록이 처음 $2초를 뺌'], [/^the edit list of track (\d+) inserts (\S+) s of silence$/, '트랙 $1의 편집 목록이 무음 $2초를 넣음'],
  [/^track (\d+) states (\S+) s of media, of which (\S+) s are played or present$/, '트랙 $1에 $2초가 적혀 있으나 재생되거나 들어 있는 것은 $3초임'], [/^the header of the first frame states (\d+) frames, and the file has (\d+)$/, '첫 프레임의 머리 정보에는 $1프레임, 파일에는 $2프레임이 있음'],
  [/^Who speaks is known only as far as channels or speakers are given\.$/, '누가 말하는지는 채널이나 화자가 주어진 만큼만 알 수 있습니다.'],
  [/^The recording was encoded with a lossy codec \((.*?)\).*$/, '손실 코덱($1)으로 부호화된 녹음입니다. 클리핑, 디지털 무음, DC 오프셋은 디코딩된 소리의 값이며 녹음된 소리와 다를 수 있습니다.'],
  [/^The recording has a sample rate of (\d+) Hz: at best the telephone band.*$/, '표본화율이 $1 Hz이므로 많아야 전화 대역(300~3400 Hz)입니다. 대부분 목소리의 기본음은 그보다 낮아, F0은 배음에서 구했습니다.'],
  [/^The recording has a sample rate of (\d+) Hz, but its sound ends at (\d+) Hz.*$/, '표본화율은 $1 Hz이지만 소리가 $2 Hz에서 끝나므로 많아야 전화 대역(300~3400 Hz)입니다. 대부분 목소리의 기본음은 그보다 낮아, F0은 배음에서 구했습니다.'],
  [/^off by default: markers of deception are not validated$/, '기본값으로 꺼짐: 기만 표지는 검증되지 않았습니다'],
  [/^no voiced frame$/, '유성음 프레임 없음'], [/^a single (voiced )?frame$/, '프레임이 하나뿐'], [/^(\d+) periods, and at least (\d+) are needed$/, '주기가 $1개뿐이며 $2개 이상 필요함'], [/^too few successive periods$/, '이어진 주기가 너무 적음'],
  [/^(\d+) s of the voice, and at least (\d+) are needed$/, '목소리가 $1초뿐이며 $2초 이상 필요함'], [/^no two successive seconds$/, '이어진 두 초가 없음'], [/^no rise in successive seconds$/, '이어진 두 초 사이에 상승이 없음'],
  [/^the speech ends at (\d+) Hz, and (F\d) may be above$/, '말소리가 $1 Hz에서 끝나 $2가 그 위일 수 있음'], [/^the speech ends at (\d+) Hz, and (\d+) Hz are needed$/, '말소리가 $1 Hz에서 끝나며 $2 Hz까지 필요함'], [/^the telephone band weakens the first harmonic$/, '전화 대역이 첫째 배음을 약하게 함'], [/^the telephone band raises low F1.*$/, '전화 대역이 낮은 F1을 높이고 끝 부근의 포먼트를 옮김'],
  [/^a lossy codec \((.*?)\) changes single periods; the telephone band has only a part of the voice$/, '손실 코덱($1)이 낱낱의 주기를 바꾸고, 전화 대역에는 목소리의 일부만 있음'], [/^a lossy codec \((.*?)\) changes single periods$/, '손실 코덱($1)이 낱낱의 주기를 바꿈'], [/^the telephone band has only a part of the voice$/, '전화 대역에는 목소리의 일부만 있음'],
  [/^less than 0\.5 s without speech$/, '말 없는 부분이 0.5초 미만'], [/^exact digital silence outside speech$/, '말 밖은 완전한 디지털 무음'], [/^the speech is not louder than the noise$/, '말소리가 잡음보다 크지 않음'], [/^no steep edge in the spectrum$/, '스펙트럼에 가파른 끝이 없음'], [/^the recording has a single channel$/, '채널이 하나뿐인 녹음'],
  [/^no evidence$/, '증거 없음'], [/^no speech was detected$|^no speech$/, '말소리가 감지되지 않음'], [/^no speech in this channel$/, '이 채널에 말소리 없음'], [/^no speech was transcribed$/, '받아쓴 말이 없음'], [/^no pause in the speech$/, '말 사이에 쉼이 없음'], [/^no reliable word in this channel$/, '이 채널에 신뢰할 수 있는 단어 없음'], [/^no reliable word of this speaker$/, '이 화자의 신뢰할 수 있는 단어 없음'], [/^no speech of this speaker$/, '이 화자의 말소리 없음'], [/^all of the transcript is of low confidence$/, '받아쓴 글 전체의 신뢰도가 낮음'],
  [/^only (\d+ %) of the speech was reliably transcribed$/, '말소리의 $1만 신뢰할 수 있게 받아씀'],
  [/^a lower bound: lossy codec \((.*?)\).*$/, '하한값: 손실 코덱($1)이 잘린 봉우리를 둥글게 함'],
  [/^shorter than ([\d.]+) s$/, '$1초보다 짧음'], [/^quoted: between quotation marks$/, '인용됨: 따옴표 안'],
  [/^low-confidence transcript$/, '신뢰도가 낮은 글'], [/^asked, not stated$/, '물음이며 진술이 아님'], [/^negated: /, '부정됨: '], [/^quoted: /, '인용됨: '], [/^lawful: /, '적법한 행위: '],
];

// Units and explanations of traces of editing in Korean.
const TRACES = {
  'Fisher\'s z of the correlation of the waveforms, less that at other lags and what a length under 0.5 s takes off': '파형 상관의 피셔 z에서, 다른 시차의 상관과 0.5초보다 짧은 길이의 몫을 뺀 값',
  'energy that a second phase explains, relative to what neither explains': '둘째 위상이 설명하는 에너지를 어느 위상도 설명하지 못하는 것에 견준 값',
  'dB of the step, less its uncertainty': '계단의 dB에서 불확실한 만큼을 뺀 값',
  'dB below what the noise on both sides falls to, less its spread': '양쪽 잡음의 바닥보다 낮은 dB에서 흩어진 만큼을 뺀 값',
  'dB below the noise around it, or below -55 dBFS if that is less': '둘레의 잡음보다, 또는 그보다 낮으면 -55 dBFS보다 낮은 dB',
  'standard deviations from the offsets without a grid, of the sparseness and of the steps of the coefficients, added': '격자가 없는 위치에서 벗어난 표준편차(계수의 성김과 계수의 계단을 더함)',
  't statistic of the difference of two grids before and after': '앞뒤 두 격자 차이의 t 통계량',
  'an announcement, a ringback tone, a jingle or a recording that was played twice': '두 번 재생된 안내, 통화 연결음, 광고음, 녹음',
  'concealment of lost packets, which repeats sound': '소리를 되풀이하는 손실 패킷 은닉',
  'a pause of the recorder, or packets lost in the network': '녹음기의 일시 정지, 또는 통신망의 패킷 손실',
  'a device or a charger that was switched on or off, or a move of the microphone': '기기나 충전기를 켜거나 끔, 또는 마이크의 움직임',
  'automatic gain control or noise suppression of the phone or the network': '전화기나 통신망의 자동 이득 조절 또는 잡음 억제',
  'the speaker changed to another microphone, hands-free or another room, or a noise began or ended': '말하는 사람이 다른 마이크, 스피커폰, 다른 방으로 옮김, 또는 잡음이 시작되거나 끝남',
  'lost packets, or comfort noise of a discontinuous transmission': '패킷 손실, 또는 불연속 전송의 쾌적 잡음',
  'a noise gate or noise suppression, or a noise that stopped for a moment': '노이즈 게이트나 잡음 억제, 또는 잠시 멈춘 잡음',
  'mute, hold, or a change of the network cell': '음소거, 통화 대기, 또는 기지국의 변경',
  'a noise gate or voice activity detection, which sends nothing in pauses': '쉬는 동안 아무것도 보내지 않는 노이즈 게이트나 음성 활동 감지',
  'the file was converted or shared by an app that encodes again, without any edit of the sound': '소리를 고치지 않고 다시 부호화하는 앱이 파일을 변환하거나 공유함',
  'a voice message or a call over the internet was AAC before it was recorded': '녹음되기 전에 AAC였던 음성 메시지나 인터넷 통화',
  'the recorder stores MP3 and the file was converted afterwards': 'MP3로 저장하는 녹음기의 파일을 나중에 변환함',
  'the call or the recording has sound that was MP3 before: music on hold, an announcement, a played file': '통화나 녹음에 전에 MP3였던 소리가 있음: 대기 음악, 안내, 재생한 파일',
  'a recorder that paused and resumed': '일시 정지했다가 이어 녹음한 녹음기',
  'an app that joined parts of one recording': '한 녹음의 부분을 이어 붙인 앱',
  'the clock or the time zone of a device was set wrong, or changed': '기기의 시계나 시간대가 잘못 맞춰졌거나 바뀜',
  'an app that copied, synchronized or shared the file wrote its own time': '파일을 복사, 동기화, 공유한 앱이 자기 시각을 적음',
  'the file was renamed': '파일의 이름이 바뀜',
  'the recorder was updated, or is one whose files are not known': '녹음기가 갱신되었거나, 알려지지 않은 녹음기임',
  'the recorder paused and resumed, or was interrupted': '녹음기가 일시 정지했다가 이어졌거나 중단됨',
  'an app rewrote the container without encoding again, to add tags or to make it ready for streaming': '태그를 더하거나 스트리밍에 맞추려고, 다시 부호화하지 않고 파일 틀만 새로 쓴 앱',
  'the file was cut off while it was copied or sent': '복사하거나 보내는 동안 파일이 잘림',
};

const data = JSON.parse(document.getElementById('data').textContent);
const doc = data.document;
const language = data.language === 'ko' ? 'ko' : 'en';
const texts = TEXTS[language];
const recording = doc.recording;
const duration = recording.duration_s || 0;
const evidence = doc.forensics.evidence;
const words = doc.words;
// Traces of editing by time; those of the file come last.
const cues = [...doc.forensics.authenticity.cues].sort((one, other) => (one.start_s ?? Infinity) - (other.start_s ?? Infinity) || 0);
const segments = doc.segments;
const $ = (id) => document.getElementById(id);

// ---- texts and elements

const t = (key, ...values) => (texts[key] ?? key).replace(/\{(\d)\}/g, (_, i) => values[i]);
const name = (key) => (Object.hasOwn(NAMES[language], key) ? NAMES[language][key] : String(key).replace(/[_-]/g, ' '));
const decimals = (value, digits) => value.toLocaleString(language, { maximumFractionDigits: digits });
const percent = (value) => `${decimals(100 * value, 0)}\u00a0%`;
const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);

function sentence(text) {
  if (language === 'en' || !text) return text;
  if (Object.hasOwn(TRACES, text)) return TRACES[text];
  const known = SENTENCES.find(([pattern]) => pattern.test(text));
  return known ? text.replace(known[0], known[1]) : text;
}

function clock(seconds, digits = 1) {
  const tens = 10 ** digits;
  const all = Math.round(Math.max(0, seconds) * tens) / tens;
  const rest = (all % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, '0');
  const minutes = Math.floor(all / 60);
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}:${rest}`;
}

// An element. Attributes are set as attributes or, for `on...`, as listeners; children are elements or texts.
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (key === 'class') element.className = value;
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const cell = (content, kind) => el('td', { class: kind }, content ?? '');
const head = (texts) => el('thead', null, el('tr', null, ...texts.map((text) => el('th', { scope: 'col' }, text))));
const wide = (table) => el('div', { class: 'scroll' }, table);
const timeButton = (seconds, label) => el('button', { type: 'button', class: 'plain', 'data-at': seconds }, label ?? clock(seconds));

function facts(rows) {
  const list = el('dl', { class: 'facts' });
  for (const [term, value] of rows) {
    if (value === null || value === undefined || value === '') continue;
    list.append(el('dt', null, term), el('dd', null, value));
  }
  return list;
}

// ---- speakers

const speakerIds = doc.speakers.speakers.map((speaker) => speaker.id);

function speakerClass(id) {
  const index = speakerIds.indexOf(id);
  return index < 0 ? 'unknown' : `s${index % 6}`;
}

function speakerName(id, channel) {
  const stated = doc.case?.speakers?.find((speaker) => speaker.channel === channel);
  const voices = doc.speakers.speakers.filter((speaker) => speaker.channel === channel).length;
  const voice = doc.case?.voices?.find((one) => one.speaker === id);
  if (voice) return `${voice.name} (${id})`;
  if (id === 'unknown') return t('unknown');
  if (stated && voices < 2) return id ? `${stated.name} (${id})` : stated.name;
  if (id) return id;
  return recording.channels > 1 ? t('channel', channel + 1) : '';
}

const speakerTag = (id, channel) => el('span', { class: `sp ${speakerClass(id)}` }, speakerName(id, channel));

// ---- reviews: statements of the case, and those made on this page

const storageKey = `earwitness-review:${recording.sha256}`;
const stored = loadStored();
let standing = new Map();

function loadStored() {
  const empty = { author: '', made: [], works: true };
  try {
    const known = new Set(doc.review.map((entry) => entry.id));
    const saved = JSON.parse(localStorage.getItem(storageKey) ?? '{}');
    const isStatement = (one) => ['id', 'target', 'action', 'old', 'author', 'artifact_sha256'].every((key) => typeof one?.[key] === 'string');
    empty.made = (Array.isArray(saved.made) ? saved.made : []).filter((one) => isStatement(one) && !known.has(one.id));
    empty.author = typeof saved.author === 'string' ? saved.author : '';
  } catch {
    empty.works = false;
  }
  return empty;
}

function store() {
  try {
    localStorage.setItem(storageKey, JSON.stringify({ author: stored.author, made: stored.made }));
    stored.works = true;
  } catch {
    stored.works = false;
  }
}

const kindOf = (action) => ({ confirm: 'judgment', reject: 'judgment', 'correct-text': 'text', 'correct-speaker': 'speaker', note: 'notes' })[action];

// What counts now, by target: { judgment, text, speaker, notes }.
function computeStanding() {
  const all = [...doc.review.filter((entry) => entry.state === 'current'), ...stored.made];
  const withdrawn = new Set(stored.made.filter((one) => one.action === 'withdraw').map((one) => one.new));
  standing = new Map();
  for (const one of all) {
    const kind = kindOf(one.action);
    if (!kind || withdrawn.has(one.id)) continue;
    const item = standing.get(one.target) ?? { notes: [] };
    if (kind === 'notes') item.notes.push(one);
    else item[kind] = one;
    standing.set(one.target, item);
  }
}

const artifactOf = (target) => {
  const stage = { evidence: 'forensics', segment: 'transcribe', word: 'align' }[target.split(':')[0]];
  return doc.provenance.find((link) => link.stage === stage && !link.output)?.artifact_sha256 ?? '';
};
const itemOf = (target) => {
  const [kind, index] = target.split(':');
  return { evidence, segment: segments, word: words }[kind]?.[Number(index)];
};
const randomId = () => [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
// The characters that `review import` refuses (is_unprintable), with line breaks unless they are allowed.
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]/u;
const isPrintable = (text) => text.trim() !== '' && [...text].length <= 10000 && !UNPRINTABLE.test(text);
const isName = (text) => isPrintable(text) && [...text].length <= 200 && !/[\n\t]/.test(text);

function state(target, action, fresh, note) {
  if (!isName(stored.author)) {
    $('author').focus();
    $('author-problem').textContent = t('needAuthor');
    return false;
  }
  const one = { id: randomId(), recording: recording.sha256, author: stored.author.trim(), at_ms: Date.now(), action, target, artifact_sha256: artifactOf(target), old: itemOf(target).text };
  if (fresh) one.new = fresh;
  if (note) one.note = note;
  stored.made.push(one);
  reviewsChanged([target]);
  if (data.reviews_at) sendReviews();
  return true;
}

function reviewsChanged(targets) {
  store();
  computeStanding();
  renderReview();
  for (const target of targets) {
    const index = Number(target.split(':')[1]);
    if (target.startsWith('evidence:')) renderJudgment(index);
    if (target.startsWith('word:')) renderWord(index);
    if (target.startsWith('segment:')) renderSegmentNotes(index);
  }
}

function reviewFile(made) {
  const fields = ['id', 'recording', 'author', 'at_ms', 'action', 'target', 'artifact_sha256', 'old', 'new', 'note'];
  const reviews = made.map((one) => Object.fromEntries(fields.filter((field) => one[field] !== undefined && one[field] !== null).map((field) => [field, one[field]])));
  return `${JSON.stringify({ earwitness_review: 1, case: data.case_id, reviews }, null, 2)}\n`;
}

function downloadReviews() {
  const url = URL.createObjectURL(new Blob([reviewFile(stored.made)], { type: 'application/json' }));
  el('a', { href: url, download: `review-${recording.sha256.slice(0, 8)}-${new Date().toISOString().slice(0, 19).replace(/\D/g, '')}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  for (const one of stored.made) one.downloaded = true;
  reviewsChanged([]);
}

// Statements that the server does not have yet, one request after the other. What it refuses stays in this browser.
let sending = Promise.resolve();
let sendProblem = null;

function sendReviews() {
  sending = sending.then(async () => {
    const made = stored.made.filter((one) => !one.downloaded);
    if (!made.length) return;
    try {
      const response = await fetch(data.reviews_at, { method: 'POST', headers: { 'content-type': 'application/json' }, body: reviewFile(made) });
      const answer = response.ok ? null : await response.json().catch(() => null);
      sendProblem = response.ok ? null : answer?.error?.message ?? String(response.status);
      if (response.ok) for (const one of made) one.downloaded = true;
    } catch (error) {
      sendProblem = error.message;
    }
    reviewsChanged([]);
  });
}

// A statement that was not downloaded is removed; another one is withdrawn, and both stay.
function takeBack(one) {
  if (stored.made.includes(one) && !one.downloaded) {
    stored.made = stored.made.filter((other) => other !== one && other.new !== one.id);
    reviewsChanged([one.target]);
  } else {
    state(one.target, 'withdraw', one.id);
  }
}

function statementText(one) {
  const verb = { confirm: t('confirmed'), reject: t('rejected'), note: t('addNote'), withdraw: t('withdraw') }[one.action];
  const parts = [el('span', { class: `tag ${one.action}` }, verb ?? t(one.action))];
  if (one.action.startsWith('correct')) parts.push(': ', one.action === 'correct-text' ? el('del', null, one.old) : '', ' → ', el('ins', null, one.new ?? ''));
  if (one.note) parts.push(`: ${one.note}`);
  return parts;
}

const utc = (time) => `${time.slice(0, 19).replace('T', ' ')} UTC`;

function renderReview() {
  const box = $('review');
  if (!$('author')) renderReviewForm(box);
  const withdrawn = new Set(stored.made.filter((one) => one.action === 'withdraw').map((one) => one.new));
  const row = (one, place) => {
    const item = itemOf(one.target);
    const [kind, index] = one.target.split(':');
    const label = kind === 'evidence' ? `${t('evidence')} ${Number(index) + 1} (${one.target})` : one.target;
    const canTakeBack = one.action !== 'withdraw' && !withdrawn.has(one.id) && (place === 'made' || ['current', 'superseded'].includes(one.state));
    const what = withdrawn.has(one.id) ? t('withdrawn') : place === 'made' ? t(data.reviews_at ? (one.downloaded ? 'inCase' : 'notSent') : one.downloaded ? 'exported' : 'notExported') : t(one.state);
    const button = canTakeBack && el('button', { type: 'button', class: 'small screen', onclick: () => takeBack(one) }, place === 'made' && !one.downloaded ? t('remove') : t('withdraw'));
    return el('tr', null,
      cell(isNumber(item?.start_s) ? timeButton(Math.max(0, item.start_s - 1), clock(item.start_s)) : '', 'n'), cell(label), cell(one.old, 'any'),
      el('td', { class: 'any' }, ...statementText(one)), cell(one.author, 'any'), cell(utc(one.at ?? new Date(one.at_ms).toISOString()), 'nowrap'), cell(what, place === 'made' ? 'pending' : ''), el('td', { class: 'screen' }, button || ''));
  };
  const rows = [...doc.review.map((one) => row(one, 'case')), ...stored.made.map((one) => row(one, 'made'))];
  const table = el('table', null, head([t('time'), t('target'), t('program'), t('statement'), t('by'), t('at'), t('state')]), el('tbody', null, ...rows));
  table.tHead.rows[0].append(el('td', { class: 'screen' }));
  $('statements').replaceChildren(rows.length ? wide(table) : el('p', { class: 'soft' }, t('noStatements')));
  const waiting = stored.made.filter((one) => !one.downloaded);
  $('download').disabled = data.reviews_at ? !waiting.length : !stored.made.length || !data.case_id;
  const atServer = sendProblem ? t('sendFailed', sendProblem) : t(waiting.length ? 'stored' : 'sent');
  $('kept').textContent = data.reviews_at ? atServer : !data.case_id ? t('noCase') : t(stored.works ? 'stored' : 'notStored');
}

function renderReviewForm(box) {
  const author = el('input', { id: 'author', maxlength: 200, autocomplete: 'name', oninput: () => { stored.author = author.value; $('author-problem').textContent = ''; store(); } });
  author.value = stored.author;
  box.append(
    el('p', { class: 'soft screen' }, t('reviewHint')),
    el('div', { class: 'screen' }, el('label', { id: 'author-label' }, t('author'), author), el('p', { id: 'author-problem', class: 'problem', role: 'alert' })),
    el('div', { id: 'statements' }),
    el('div', { class: 'screen' },
      el('p', { class: 'tools', style: 'margin-top:10px' }, el('button', { type: 'button', id: 'download', onclick: data.reviews_at ? sendReviews : downloadReviews }, t(data.reviews_at ? 'send' : 'download')), el('span', { id: 'kept', class: 'soft' })),
      ...(data.reviews_at ? [] : [el('p', { class: 'soft' }, t('importHint')), el('code', { class: 'command' }, 'earwitness review import DIR review-….json')])));
}

// ---- the panel that notes and corrects

function openPanel(title, fields, save) {
  const panel = $('panel');
  const before = document.activeElement;
  const inputs = {};
  const rows = fields.map(([key, label, value, list]) => {
    const input = key === 'note' ? el('textarea', { rows: 2 }) : el('input', { list: list ? 'names' : null, autocomplete: 'off' });
    input.value = value;
    inputs[key] = input;
    return el('label', null, label, input);
  });
  const problem = el('p', { class: 'problem', role: 'alert' });
  const close = () => { panel.hidden = true; if (panel.contains(document.activeElement)) before?.focus?.(); };
  panel.replaceChildren(el('h2', { id: 'panel-title' }, title), ...rows,
    el('datalist', { id: 'names' }, ...[...speakerIds, ...(doc.case?.speakers ?? []).map((speaker) => speaker.id)].map((id) => el('option', { value: id }))), problem,
    el('div', { class: 'tools' }, el('button', { type: 'submit' }, t('save')), el('button', { type: 'button', onclick: close }, t('cancel'))));
  panel.onsubmit = (event) => {
    event.preventDefault();
    const values = Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, input.value.trim()]));
    const failure = save(values);
    if (failure) problem.textContent = failure;
    else close();
  };
  panel.onkeydown = (event) => { if (event.key === 'Escape') close(); };
  panel.hidden = false;
  Object.values(inputs)[0].focus({ preventScroll: true });
}

function noteItem(index) {
  openPanel(`${t('addNote')}: ${evidence[index].text.slice(0, 80)}`, [['note', t('addNote'), '']], ({ note }) => {
    if (!isPrintable(note)) return t('badText');
    return state(`evidence:${index}`, 'note', null, note) ? '' : t('needAuthor');
  });
}

function correct(kind, index) {
  const target = `${kind}:${index}`;
  const item = kind === 'word' ? words[index] : segments[index];
  const now = standing.get(target);
  const text = now?.text?.new ?? item.text;
  const speaker = now?.speaker?.new ?? item.speaker ?? '';
  const title = `${t(kind)} ${index}, ${isNumber(item.start_s) ? clock(item.start_s) : t('noTime')}: ${item.text.slice(0, 80)}`;
  openPanel(title, [['text', t('text'), text], ['speaker', `${t('speaker')}`, speaker, true], ['note', t('addNote'), '']], (value) => {
    if (!isPrintable(value.text) || (value.note && !isPrintable(value.note))) return t('badText');
    if (value.speaker !== speaker && !isName(value.speaker)) return t('badText');
    if (!isName(stored.author)) return t('needAuthor');
    const changed = value.text !== text || value.speaker !== speaker;
    if (!changed && !value.note) return t('nothing');
    if (value.text !== text) state(target, 'correct-text', value.text, value.note);
    if (value.speaker !== speaker) state(target, 'correct-speaker', value.speaker, value.text === text ? value.note : null);
    if (!changed) state(target, 'note', null, value.note);
    return '';
  });
  if (kind === 'word') $('panel').querySelector('.tools').append(el('button', { type: 'button', onclick: () => correct('segment', words[index].segment) }, t('wholeSegment')));
}

// ---- player

const audio = $('audio');
const speeds = [0.5, 0.75, 1, 1.25, 1.5, 2];
let silentPosition = 0;
let current = null;
const canPlay = () => !audio.hidden;
const position = () => (canPlay() ? audio.currentTime : silentPosition);

function setUpAudio() {
  const { src, kind, reason } = data.audio ?? {};
  const note = $('audio-note');
  const isLocal = src && (/^(data:audio\/|file:\/\/\/)/.test(src) || !/^([a-z][a-z0-9+.-]*:|\/)/i.test(src));
  if (!isLocal) {
    audio.hidden = true;
    note.textContent = t('audioNone', reason ? sentence(reason) : t('noReason'));
    return;
  }
  note.textContent = audioNote();
  audio.addEventListener('error', () => { note.textContent = src.startsWith('../audio/') ? t('audioServer') : `${t('audioError', src.startsWith('data:') ? data.original_file : decoded(src))} ${kind === 'copy' ? '' : audioNote()}`; });
  for (const event of ['timeupdate', 'seeking', 'seeked', 'pause']) audio.addEventListener(event, tick);
  audio.addEventListener('play', () => requestAnimationFrame(run));
  audio.src = src;
}

// That a copy is played, or what Chromium cannot do with the original.
function audioNote() {
  const { kind, copy, playback } = data.audio;
  if (kind === 'copy') return t('audioCopy', copy.format, copy.bits, copy.exact ? t('copyExact') : copy.clipped_samples ? t('copyClipped', decimals(copy.clipped_samples, 0)) : t('copyRounded'));
  const format = t('formatIn', recording.codec, recording.container);
  return playback === 'none' ? t('playNone', format) : playback === 'inexact' ? t('playInexact', format) : '';
}

function decoded(src) {
  try { return decodeURIComponent(src); } catch { return src; }
}

function run() {
  tick();
  if (!audio.paused) requestAnimationFrame(run);
}

function seek(seconds, play) {
  const at = Math.min(Math.max(0, seconds), duration || seconds);
  silentPosition = at;
  if (canPlay()) {
    audio.currentTime = at;
    if (play && audio.paused) audio.play().catch(() => {});
  }
  tick();
}

const playAt = (seconds) => { current = null; seek(seconds, true); };

// A link to a moment: `#t=` and seconds. It seeks, without playing, and shows the item or word that begins there.
function goToLink() {
  const at = Number(/^#t=(\d+(?:\.\d+)?)$/.exec(location.hash)?.[1] ?? NaN);
  if (!isNumber(at)) return;
  const begins = (one) => one.start_s >= at && one.start_s < at + 0.1; // the page of the case states tenths of seconds
  const item = evidence.findIndex((one) => !one.discounted && begins(one));
  const word = inTime.find((index) => begins(words[index]));
  current = null;
  if (item >= 0) markItem(item);
  else if (word !== undefined) wordElements[word].scrollIntoView({ block: 'center' });
  seek(evidence[item]?.start_s ?? words[word]?.start_s ?? at, false);
}

function tick() {
  const at = position();
  moveCursor(at);
  markWord(at);
}

function setSpeed(step) {
  const select = $('speed');
  select.selectedIndex = Math.min(speeds.length - 1, Math.max(0, select.selectedIndex + step));
  audio.playbackRate = speeds[select.selectedIndex];
}

// ---- timeline

const CHANNEL = { wave: 46, spec: 60, contour: 34, lane: 9 };
const overview = data.overview;
let lanes = [];
let height = 0;
let pixelsPerSecond = 1;
let drawing = 0;
const decodedChannels = [];

function bytes(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function channelData(channel) {
  const packed = overview?.channels?.[channel];
  if (!packed) return null;
  decodedChannels[channel] ??= { peaks: bytes(packed.peaks), spectrogram: bytes(packed.spectrogram), f0: bytes(packed.f0 ?? ''), level: bytes(packed.level ?? '') };
  return decodedChannels[channel];
}

const maxPeak = () => Math.max(1, ...Array.from({ length: recording.channels }, (_, c) => (channelData(c)?.peaks ?? []).reduce((a, b) => Math.max(a, b), 0)));
let peakScale = 255;

// The cues at a place: an earlier encoding is a trace of the whole channel.
const placedCues = cues.filter((cue) => isNumber(cue.start_s) && !cue.kind.startsWith('earlier-encoding'));

// The places of a cue: a copied segment has two.
function placesOf(cue) {
  if (!isNumber(cue.other_start_s)) return [cue];
  return [cue, { ...cue, start_s: cue.other_start_s, end_s: cue.other_start_s + cue.end_s - cue.start_s }];
}

// Lanes from top to bottom, with the height of each.
function layOut() {
  const found = [{ kind: 'axis', size: 20 }, { kind: 'evidence', size: 16, label: t('evLane') }];
  for (let channel = 0; channel < recording.channels; channel += 1) {
    const number = recording.channels > 1 ? t('channel', channel + 1) : t('wave');
    if (channelData(channel)) {
      const edges = overview.band_edges_hz;
      found.push({ kind: 'wave', size: CHANNEL.wave, channel, label: number, hint: t('waveScale', decimals(20 * Math.log10(peakScale / 255), 1)) });
      found.push({ kind: 'spec', size: CHANNEL.spec, channel, label: t('spec'), hint: `${decimals(edges[0], 0)}–${decimals(edges.at(-1), 0)} Hz` });
      if (channelData(channel).f0.length) found.push({ kind: 'f0', size: CHANNEL.contour, channel, label: 'F0', hint: `${decimals(overview.f0_floor_hz, 0)}–${decimals(overview.f0_ceiling_hz, 0)} Hz` });
      if (channelData(channel).level.length) found.push({ kind: 'level', size: CHANNEL.contour, channel, label: t('levelLane'), hint: `${decimals(overview.floor_db, 0)}…${decimals(overview.ceiling_db, 0)} dBFS` });
    }
    const ids = doc.speakers.speakers.filter((speaker) => speaker.channel === channel).map((speaker) => speaker.id);
    if (doc.speakers.turns.some((turn) => turn.channel === channel && turn.speaker === 'unknown')) ids.push('unknown');
    for (const id of ids) found.push({ kind: 'turns', size: 13, channel, id, label: speakerName(id, channel) || t('channel', channel + 1) });
    found.push({ kind: 'dropped', size: 11, channel, label: t('dropLane') });
    if (placedCues.some((cue) => cue.channel === channel)) found.push({ kind: 'cues', size: 9, channel, label: t('cueLane') });
  }
  let top = 0;
  lanes = found.map((lane) => { const placed = { ...lane, top }; top += lane.size + 2; return placed; });
  height = top + 2;
}

function palette(element) {
  const style = getComputedStyle(element);
  const color = (key) => style.getPropertyValue(`--${key}`).trim();
  return Object.fromEntries(['sheet', 'ink', 'soft', 'line', 'fill', 'wave', 'bad', 'warn', 'spec-0', 'spec-1', 's0', 's1', 's2', 's3', 's4', 's5', 'unknown'].map((key) => [key, color(key)]));
}

const rgb = (hex) => (hex.length === 4 ? [...hex.slice(1)].map((digit) => parseInt(digit + digit, 16)) : [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));

function gradient(colors) {
  const [from, to] = [rgb(colors['spec-0']), rgb(colors['spec-1'])];
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const share = (i / 255) ** 1.4;
    const [r, g, b] = from.map((value, k) => Math.round(value + share * (to[k] - value)));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}

// Draws the interval from `start` on. `view`: context, width in CSS pixels, pixels per second, colors.
function draw(view) {
  const { context, width, colors, scale, start } = view;
  context.fillStyle = colors.sheet;
  context.fillRect(0, 0, width, height);
  const x = (seconds) => (seconds - start) * scale;
  const end = start + width / scale;
  const visible = (item) => item.end_s >= start && item.start_s <= end;
  const bar = (item, top, size, least = 1) => context.fillRect(x(item.start_s), top, Math.max(least, (item.end_s - item.start_s) * scale), size);
  for (const lane of lanes) {
    if (lane.kind === 'axis') drawAxis(view, lane, x, end);
    if (lane.kind === 'evidence') drawEvidence(view, lane, x, visible);
    if (lane.kind === 'wave') drawWave(view, lane);
    if (lane.kind === 'spec') drawSpectrogram(view, lane);
    if (lane.kind === 'f0' || lane.kind === 'level') drawContour(view, lane);
    if (lane.kind === 'turns') {
      context.fillStyle = colors.fill;
      context.fillRect(0, lane.top, width, lane.size);
      context.fillStyle = colors[speakerClass(lane.id)];
      for (const turn of doc.speakers.turns) if (turn.channel === lane.channel && turn.speaker === lane.id && visible(turn)) bar(turn, lane.top + 2, lane.size - 4);
      context.fillStyle = colors.warn;
      for (const overlap of doc.speakers.overlaps) if (overlap.channel === lane.channel && visible(overlap)) bar(overlap, lane.top + lane.size - 3, 3);
    }
    if (lane.kind === 'cues') {
      context.fillStyle = colors.ink;
      for (const place of placedCues.flatMap(placesOf)) if (place.channel === lane.channel && visible(place)) bar(place, lane.top + 1, lane.size - 2, 3);
    }
    if (lane.kind === 'dropped') {
      const own = (item) => item.channel === lane.channel && visible(item);
      context.fillStyle = colors.soft;
      for (const item of doc.dropped) if (own(item)) bar(item, lane.top + 1, 4);
      context.fillStyle = colors.warn;
      for (const item of segments) if (item.low_confidence && own(item)) bar(item, lane.top + 6, 4);
    }
  }
  context.fillStyle = colors.fill;
  if (duration < end) context.fillRect(x(duration), 20, width, height);
}

function drawAxis({ context, colors, scale, start, width }, lane, x, end) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((seconds) => seconds * scale >= 70) ?? 7200;
  context.font = '11px system-ui, sans-serif';
  context.textBaseline = 'middle';
  for (let i = Math.ceil(start / step); i * step <= Math.min(end, duration); i += 1) {
    const at = x(i * step);
    context.fillStyle = colors.line;
    context.fillRect(at, lane.top, 1, height);
    context.fillStyle = colors.soft;
    if (at < width - 34) context.fillText(clock(i * step, step < 1 ? 1 : 0), at + 4, lane.top + 9);
  }
}

function drawEvidence({ context, colors }, lane, x, visible) {
  evidence.forEach((item) => {
    if (!visible(item)) return;
    const [left, right, size] = [x(item.start_s), x(item.end_s), 5 + 9 * item.severity];
    const top = lane.top + lane.size - size;
    context.fillStyle = colors.bad;
    context.strokeStyle = colors.soft;
    if (item.discounted) context.strokeRect(left + 0.5, top + 0.5, Math.max(3, right - left), size - 1);
    else context.fillRect(left, top, Math.max(3, right - left), size);
  });
}

function drawWave({ context, colors, scale, start, width }, lane) {
  const { peaks } = channelData(lane.channel);
  const rate = overview.peak_rate_hz;
  const middle = lane.top + lane.size / 2;
  context.fillStyle = colors.wave;
  for (let px = 0; px < width; px += 1) {
    const first = Math.max(0, Math.floor((start + px / scale) * rate));
    const last = Math.min(peaks.length, Math.max(first + 1, Math.floor((start + (px + 1) / scale) * rate)));
    let peak = 0;
    for (let i = first; i < last; i += 1) if (peaks[i] > peak) peak = peaks[i];
    const half = Math.max(0.5, (peak / peakScale) * (lane.size / 2));
    if (first < peaks.length) context.fillRect(px, middle - half, 1, 2 * half);
  }
}

// Points of a contour, 1 at the bottom and 255 at the top; 0 has no point. Zoomed in, neighbors are joined; zoomed out, a
// pixel has the range of its points.
function drawContour({ context, colors, scale, start, width }, lane) {
  const points = channelData(lane.channel)[lane.kind];
  const rate = overview.peak_rate_hz;
  const bottom = lane.top + lane.size - 1;
  const y = (value) => bottom - (value / 255) * (lane.size - 3);
  context.fillStyle = colors.line;
  context.fillRect(0, bottom, width, 1);
  context.fillStyle = context.strokeStyle = colors.ink;
  if (scale > rate) {
    const x = (index) => ((index + 0.5) / rate - start) * scale;
    const last = Math.min(points.length - 1, Math.ceil((start + width / scale) * rate));
    context.lineWidth = 1.5;
    context.beginPath();
    for (let index = Math.max(0, Math.floor(start * rate) - 1); index <= last; index += 1) {
      if (!points[index]) continue;
      if (points[index - 1]) context.lineTo(x(index), y(points[index]));
      // A point without a neighbor is a short line.
      else context.moveTo(x(index) - (points[index + 1] ? 0 : 1), y(points[index]));
      if (!points[index - 1] && !points[index + 1]) context.lineTo(x(index) + 1, y(points[index]));
    }
    context.stroke();
    return;
  }
  for (let px = 0; px < width; px += 1) {
    const first = Math.max(0, Math.floor((start + px / scale) * rate));
    const inside = points.subarray(first, Math.max(first + 1, Math.floor((start + (px + 1) / scale) * rate))).filter((value) => value > 0);
    if (!inside.length) continue;
    const [least, most] = [inside.reduce((a, b) => Math.min(a, b)), inside.reduce((a, b) => Math.max(a, b))];
    context.fillRect(px, y(most) - 1, 1, y(least) - y(most) + 2);
  }
}

function drawSpectrogram({ context, colors, scale, start, width }, lane) {
  const { spectrogram } = channelData(lane.channel);
  const { bands, spectrogram_rate_hz: rate } = overview;
  const frames = Math.floor(spectrogram.length / bands);
  // One column per pixel when zoomed out, and one per frame when zoomed in.
  const columns = Math.max(1, Math.ceil(scale < rate ? width : (width / scale) * rate) + 1);
  const perColumn = scale < rate ? rate / scale : 1;
  const first = Math.floor(start * rate);
  const image = new ImageData(columns, bands);
  const pixels = new Uint32Array(image.data.buffer);
  const shades = gradient(colors);
  for (let column = 0; column < columns; column += 1) {
    const from = first + Math.floor(column * perColumn);
    const to = Math.min(frames, Math.max(from + 1, first + Math.floor((column + 1) * perColumn)));
    for (let band = 0; band < bands && from < frames; band += 1) {
      let most = 0;
      for (let at = from * bands + band; at < to * bands; at += bands) if (spectrogram[at] > most) most = spectrogram[at];
      pixels[(bands - 1 - band) * columns + column] = shades[most];
    }
  }
  const sheet = el('canvas', { width: columns, height: bands });
  sheet.getContext('2d').putImageData(image, 0, 0);
  context.imageSmoothingEnabled = scale >= rate;
  context.drawImage(sheet, (first / rate - start) * scale, lane.top, columns * perColumn / rate * scale, lane.size);
}

const viewWidth = () => $('scroller').clientWidth;
const fitScale = () => viewWidth() / Math.max(0.1, duration);

function redraw() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(drawScreen);
}

function drawScreen() {
  const canvas = $('canvas');
  const ratio = window.devicePixelRatio || 1;
  const width = viewWidth();
  if (!width) return;
  const sized = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== sized[0] || canvas.height !== sized[1]) {
    [canvas.width, canvas.height] = sized;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  draw({ context, width, colors: palette(document.documentElement), scale: pixelsPerSecond, start: $('scroller').scrollLeft / pixelsPerSecond });
}

function setScale(scale, anchor = position()) {
  const scroller = $('scroller');
  const fit = fitScale();
  const offset = anchor * pixelsPerSecond - scroller.scrollLeft;
  const inside = offset >= 0 && offset <= viewWidth() ? offset : viewWidth() / 2;
  pixelsPerSecond = Math.min(Math.max(fit, scale), Math.max(fit, 400));
  $('track').style.width = `${Math.max(viewWidth(), Math.round(duration * pixelsPerSecond))}px`;
  scroller.scrollLeft = anchor * pixelsPerSecond - inside;
  $('out').disabled = $('fit').disabled = pixelsPerSecond <= fit;
  moveCursor(position());
  redraw();
}

function moveCursor(at) {
  const x = at * pixelsPerSecond;
  $('cursor').style.transform = `translateX(${x}px)`;
  $('where').textContent = `${clock(at)} / ${clock(duration)}`;
  const scroller = $('scroller');
  const isOutside = x < scroller.scrollLeft || x > scroller.scrollLeft + viewWidth();
  if (isOutside && !audio.paused) scroller.scrollLeft = x - viewWidth() * 0.1;
}

function clickTimeline(event) {
  const box = $('track').getBoundingClientRect();
  const at = (event.clientX - box.left) / pixelsPerSecond;
  const lane = lanes.find((one) => event.clientY - box.top < one.top + one.size + 2);
  const near = 4 / pixelsPerSecond;
  const item = lane?.kind === 'evidence' ? evidence.findIndex((one) => at >= one.start_s - near && at <= one.end_s + near) : -1;
  if (item >= 0) goToItem(item);
  else { current = null; seek(at, false); }
}

function renderTimeline() {
  peakScale = overview ? maxPeak() : 255;
  layOut();
  $('track').style.height = $('lanes').style.height = `${height}px`;
  $('lanes').replaceChildren(...lanes.filter((lane) => lane.label).map((lane) => {
    const tall = lane.size > 20;
    const label = el('span', { class: lane.id ? speakerClass(lane.id) : null, style: `top:${lane.top + (tall ? 4 : Math.max(0, lane.size / 2 - 7))}px`, title: lane.hint ? `${lane.label}, ${lane.hint}` : lane.label }, lane.label);
    if (tall) label.append(el('br'), lane.hint);
    return label;
  }));
  const sign = (style, text) => el('li', null, el('i', { style }), text);
  $('legend').replaceChildren(
    sign('background:var(--bad)', t('countedMark')), sign('border:1px solid var(--soft)', t('offMark')), sign('border-bottom:3px solid var(--warn)', t('overlap')),
    sign('background:var(--soft)', t('dropLane')), sign('background:var(--warn)', t('lowLane')), overview ? '' : el('li', null, t('noOverview')));
  setScale(0);
}

// The whole call for paper, in rows of at most 15 minutes.
function drawPaper() {
  const rowLength = Math.min(Math.max(duration, 0.1), 900);
  const [width, margin] = [1000, 96];
  const colors = palette($('paper'));
  const rows = Array.from({ length: Math.ceil(Math.max(duration, 0.1) / rowLength) }, (_, row) => {
    const canvas = el('canvas', { width: 2 * width, height: 2 * height });
    const context = canvas.getContext('2d');
    context.scale(2, 2);
    context.fillStyle = colors.sheet;
    context.fillRect(0, 0, width, height);
    context.save();
    context.translate(margin, 0);
    draw({ context, width: width - margin, colors, scale: (width - margin) / rowLength, start: row * rowLength });
    context.restore();
    context.fillStyle = colors.sheet;
    context.fillRect(0, 0, margin, height);
    context.fillStyle = colors.soft;
    context.font = '10.5px system-ui, sans-serif';
    context.textBaseline = 'middle';
    for (const lane of lanes) {
      if (lane.label) context.fillText(lane.label, 0, lane.top + (lane.size > 20 ? 9 : lane.size / 2), margin - 6);
      if (lane.hint) context.fillText(lane.hint, 0, lane.top + 24, margin - 6);
    }
    return canvas;
  });
  $('paper').replaceChildren(...rows);
}

// ---- evidence

const rows = [];
let sorted = { key: 'start_s', sign: 1 };
const COLUMNS = [
  ['start_s', 'time', (item) => item.start_s], ['speaker', 'speaker', (item) => speakerName(item.speaker, item.channel)], ['category', 'category', (item) => name(item.category)], ['kind', 'kind', (item) => name(item.kind)],
  ['severity', 'severity', (item) => item.severity], ['text', 'text', (item) => item.text], ['rule', 'rule', (item) => item.rule], ['state', 'state', (item) => (item.discounted ? `1${item.discounted}` : '0')],
];

// The text of an item with the words before and after it.
function inContext(item) {
  const NEAR = 5;
  const inside = new Set(item.words);
  const first = Math.min(...item.words);
  const last = Math.max(...item.words);
  if (!item.words.length || !words[last]) return [el('mark', null, item.text)];
  const take = (from, to) => words.slice(Math.max(0, from), to).filter((word) => word.channel === item.channel).map((word) => word.text).join(' ');
  const middle = [];
  let run = [];
  let marked = true;
  const flush = () => { if (run.length) middle.push(marked ? el('mark', null, run.join(' ')) : run.join(' '), ' '); run = []; };
  for (let i = first; i <= last; i += 1) {
    if (words[i].channel !== item.channel) continue;
    if (inside.has(i) !== marked) { flush(); marked = inside.has(i); }
    run.push(words[i].text);
  }
  flush();
  middle.pop();
  return [el('span', { class: 'near' }, `${take(first - NEAR, first)} `), ...middle, el('span', { class: 'near' }, ` ${take(last + 1, last + 1 + NEAR)}`)];
}

function evidenceRow(item, index) {
  const isReported = item.reported && item.category !== 'reported';
  return el('tr', { 'data-item': index, class: item.discounted ? 'off' : null },
    el('td', { class: 'n' }, `${index + 1} `, timeButton(Math.max(0, item.start_s - 1), clock(item.start_s))),
    el('td', null, speakerTag(item.speaker, item.channel)), cell(name(item.category)), cell(name(item.kind) + (isReported ? `, ${name('reported')}` : '')), cell(item.severity.toFixed(2), 'n'),
    el('td', { class: 'text' }, ...inContext(item)), el('td', null, el('code', { class: 'rule' }, ...item.rule.split(/(?<=[.])/).flatMap((part) => [part, el('wbr')]))), el('td', null, item.discounted ? `${t('discounted')}: ${sentence(item.discounted)}` : t('counted')), el('td'));
}

function renderJudgment(index) {
  const target = `evidence:${index}`;
  const now = standing.get(target);
  const box = rows[index].lastChild;
  const judgment = now?.judgment;
  const line = (one) => el('div', { class: stored.made.includes(one) ? 'pending' : null }, ...statementText(one), ` (${one.author})`);
  const button = (key, action) => el('button', { type: 'button', 'data-act': action, 'aria-pressed': judgment?.action === action ? 'true' : 'false' }, t(key));
  box.replaceChildren(...(judgment ? [line(judgment)] : []), ...(now?.notes ?? []).map(line),
    el('div', { class: 'judge', hidden: !document.body.classList.contains('reviewing') }, button('confirm', 'confirm'), button('reject', 'reject'), el('button', { type: 'button', 'data-act': 'note' }, t('addNote'))));
}

function renderEvidence() {
  const table = $('items');
  if (!evidence.length) {
    table.replaceWith(el('p', null, t('noItems')));
    $('filters').remove();
    return;
  }
  const headers = COLUMNS.map(([key, label]) => el('th', { scope: 'col', 'data-key': key, class: ['start_s', 'severity'].includes(key) ? 'n' : null }, el('button', { type: 'button', class: 'screen', title: `${t('order')} ${t(label)}` }, t(label)), el('span', { class: 'paper' }, t(label))));
  rows.push(...evidence.map(evidenceRow));
  table.append(el('thead', null, el('tr', null, ...headers, el('th', { scope: 'col' }, t('review')))), el('tbody', null, ...rows));
  evidence.forEach((_, index) => renderJudgment(index));
  table.tHead.addEventListener('click', (event) => { const th = event.target.closest('th[data-key]'); if (th) sortBy(th.dataset.key); });
  table.tBodies[0].addEventListener('click', clickItem);
  renderFilters();
  showSorted();
}

function clickItem(event) {
  const row = event.target.closest('tr');
  if (!row) return;
  const act = event.target.closest('[data-act]')?.dataset.act;
  const index = Number(row.dataset.item);
  event.stopPropagation();
  if (act === 'note') noteItem(index);
  else if (act) judge(index, act);
  else goToItem(index);
}

function judge(index, action) {
  const target = `evidence:${index}`;
  const now = standing.get(target)?.judgment;
  if (now?.action === action) takeBack(now);
  else state(target, action);
  rows[index].querySelector(`[data-act=${action}]`)?.focus({ preventScroll: true });
}

function renderFilters() {
  const unique = (values) => [...new Map(values).entries()];
  const choice = (id, label, options) => el('label', null, `${label} `, el('select', { id }, el('option', { value: '' }, t('all')), ...options.map(([value, text]) => el('option', { value }, text))));
  const form = $('filters');
  form.append(
    choice('f-category', t('category'), unique(evidence.map((item) => [item.category, name(item.category)]))),
    choice('f-speaker', t('speaker'), unique(evidence.map((item) => [speakerName(item.speaker, item.channel), speakerName(item.speaker, item.channel) || '–']))),
    choice('f-state', t('state'), [['counted', t('counted')], ['discounted', t('discounted')]]),
    el('label', null, `${t('search')} `, el('input', { id: 'f-text', type: 'search' })));
  form.addEventListener('input', filter);
  form.addEventListener('submit', (event) => event.preventDefault());
  filter();
}

function filter() {
  const [category, speaker, counts, text] = ['f-category', 'f-speaker', 'f-state', 'f-text'].map((id) => $(id).value);
  const needle = text.normalize('NFC').toLocaleLowerCase().trim();
  evidence.forEach((item, index) => {
    const fits = (!category || item.category === category) && (!speaker || speakerName(item.speaker, item.channel) === speaker) && (!counts || (counts === 'counted') === !item.discounted)
      && (!needle || rows[index].cells[5].textContent.normalize('NFC').toLocaleLowerCase().includes(needle));
    rows[index].hidden = !fits;
  });
  $('shown').textContent = t('shown', rows.filter((row) => !row.hidden).length, rows.length);
}

function sortBy(key) {
  sorted = { key, sign: sorted.key === key ? -sorted.sign : 1 };
  showSorted();
}

function showSorted() {
  const value = COLUMNS.find(([key]) => key === sorted.key)[2];
  const compare = (a, b) => (typeof a === 'number' ? a - b : a.localeCompare(b, language));
  const order = evidence.map((item, index) => index).sort((a, b) => sorted.sign * compare(value(evidence[a]), value(evidence[b])) || a - b);
  const table = $('items');
  table.tBodies[0].append(...order.map((index) => rows[index]));
  for (const th of table.tHead.querySelectorAll('[data-key]')) th.setAttribute('aria-sort', th.dataset.key === sorted.key ? (sorted.sign > 0 ? 'ascending' : 'descending') : 'none');
}

function goToItem(index) {
  markItem(index);
  seek(Math.max(0, evidence[index].start_s - 1), true);
}

function markItem(index) {
  current = index;
  $('items').querySelector('.current')?.classList.remove('current');
  rows[index].classList.add('current');
  if (!rows[index].hidden) rows[index].scrollIntoView({ block: 'nearest' });
}

// Evidence is in the order of time.
function stepItem(step) {
  const order = evidence.map((_, index) => index).filter((index) => !rows[index].hidden);
  const at = position() + 1;
  const after = current ?? (step > 0 ? order.findLast((index) => evidence[index].start_s <= at + 0.05) ?? -1 : order.find((index) => evidence[index].start_s >= at - 1.05) ?? Infinity);
  const next = step > 0 ? order.find((index) => index > after) : order.findLast((index) => index < after);
  if (next !== undefined) goToItem(next);
}

// ---- scores

function measuredScore(score) {
  if (!isNumber(score?.value)) return el('span', { class: 'null' }, `${t('notAssessable')}: ${sentence(score?.reason) ?? t('noReason')}`);
  return el('span', { class: 'nowrap' }, el('span', { class: 'gauge', 'aria-hidden': 'true' }, el('i', { style: `width:${Math.min(100, Math.max(0, score.value))}%` })), decimals(score.value, 0));
}

function scoreTable(title, overall, level, categories) {
  const levelCell = (value) => el('td', null, value ? el('span', { class: `level ${value}` }, name(value)) : '');
  const body = el('tbody', null, el('tr', null, el('th', { scope: 'row' }, t('wholeRow')), el('td', null, measuredScore(overall)), levelCell(level), cell(''), cell(''), cell('')));
  const order = Object.entries(categories).sort(([, a], [, b]) => (b.score.value ?? -1) - (a.score.value ?? -1) || b.weight - a.weight);
  for (const [key, one] of order) {
    const links = one.evidence.slice(0, 15).flatMap((index) => [el('button', { type: 'button', class: 'plain', 'data-go': index }, String(index + 1)), ' ']);
    if (one.evidence.length > 15) links.push(`+ ${one.evidence.length - 15}`);
    body.append(el('tr', null, el('th', { scope: 'row' }, name(key)), el('td', null, measuredScore(one.score)), levelCell(one.level), cell(one.score.value === null ? '' : String(one.moments), 'n'),
      el('td', { class: 'n' }, isNumber(one.reliability.value) ? percent(one.reliability.value) : '–'), el('td', { class: 'items' }, ...links)));
  }
  const table = el('table', null, el('caption', null, title), head([t('category'), t('score'), t('level'), t('moments'), t('reliability'), t('items')]), body);
  for (const column of [3, 4]) table.tHead.rows[0].cells[column].className = 'n';
  return wide(table);
}

function renderScores() {
  const { scores } = doc.forensics;
  const { coverage } = scores;
  const share = (measured) => (isNumber(measured.value) ? percent(measured.value) : sentence(measured.reason) ?? '–');
  const seconds = (value) => (value < 60 ? `${decimals(value, 1)} s` : clock(value, 0));
  const channelOf = (id) => doc.speakers.speakers.find((speaker) => speaker.id === id)?.channel ?? 0;
  const tables = [scoreTable(t('call'), scores.overall, scores.level, scores.categories), ...scores.speakers.map((one) => scoreTable(speakerName(one.speaker, channelOf(one.speaker)), one.overall, one.level, one.categories))];
  $('scores').append(
    el('p', { class: 'soft' }, t('scoreHint')),
    el('p', null, el('b', null, `${t('coverage')}: `), t('coverageText', seconds(coverage.transcribed_s), seconds(coverage.speech_s), share(coverage.ratio), seconds(coverage.low_confidence_s), share(coverage.mean_confidence))),
    coverage.languages_without_lexicon.length ? el('p', { class: 'problem' }, t('noLexicon', coverage.languages_without_lexicon.map((one) => (one === 'und' ? t('undetermined') : one)).join(', '))) : '',
    el('div', { class: 'columns' }, ...tables));
}

// ---- transcript

const wordElements = [];
const segmentNotes = [];
const hits = new Map();
const isTimed = (word) => isNumber(word.start_s) && isNumber(word.end_s);
const inTime = words.map((_, index) => index).filter((index) => isTimed(words[index])).sort((a, b) => words[a].start_s - words[b].start_s);
const starts = Float64Array.from(inTime, (index) => words[index].start_s);
let marked = -1;

// Words of one speaker without a long pause. Words without times stay after the word before them.
function findTurns() {
  const found = [];
  const open = new Map();
  const inSegment = new Set();
  words.forEach((word, index) => {
    inSegment.add(word.segment);
    const turn = open.get(word.channel);
    const isNext = turn && turn.speaker === word.speaker && turn.low === !!segments[word.segment]?.low_confidence && (!isTimed(word) || (word.start_s - turn.end < 2 && word.start_s >= turn.end - 2)) && turn.words.length < 120;
    if (isNext) {
      turn.words.push(index);
      if (isTimed(word)) turn.end = word.end_s;
      return;
    }
    const segment = segments[word.segment];
    const start = isTimed(word) ? word.start_s : turn?.end ?? segment?.start_s ?? 0;
    const fresh = { channel: word.channel, speaker: word.speaker, segment: word.segment, low: !!segment?.low_confidence, start, end: isTimed(word) ? word.end_s : start, words: [index] };
    open.set(word.channel, fresh);
    found.push(fresh);
  });
  segments.forEach((segment, index) => {
    if (!inSegment.has(index) && segment.text.trim()) found.push({ channel: segment.channel, speaker: null, segment: index, low: !!segment.low_confidence, start: segment.start_s, end: segment.end_s, words: [], text: segment.text });
  });
  return found.sort((a, b) => a.start - b.start);
}

function wordElement(index) {
  const word = words[index];
  const hit = hits.get(index);
  const isDoubtful = word.confidence < 0.5 || segments[word.segment]?.low_confidence;
  const kinds = ['w', hit, isDoubtful && 'd', word.uncertain && 'u', !isTimed(word) && 'nt'].filter(Boolean).join(' ');
  const span = document.createElement('span');
  span.className = kinds;
  span.dataset.w = index;
  wordElements[index] = span;
  if (standing.has(`word:${index}`)) renderWord(index);
  else fillPlain(span, word);
  return span;
}

function fillPlain(span, word) {
  span.textContent = word.text;
  if (word.confidence < 0.5) span.append(el('sup', null, '[?]'));
}

function renderWord(index) {
  const span = wordElements[index];
  const now = standing.get(`word:${index}`);
  if (!now) { fillPlain(span, words[index]); return; }
  span.replaceChildren(...(now.text ? [el('del', null, words[index].text), ' ', el('ins', null, now.text.new)] : [words[index].text]));
  if (now.speaker) span.append(' ', el('ins', null, `[${now.speaker.new}]`));
  for (const note of now.notes) span.append(el('sup', { title: note.note }, `(${note.note})`));
}

function renderSegmentNotes(index) {
  const now = standing.get(`segment:${index}`);
  const lines = [];
  if (now?.text) lines.push(t('segmentText', now.text.new), now.text.note);
  if (now?.speaker) lines.push(t('segmentSpeaker', now.speaker.new), now.speaker.note);
  for (const one of [now?.judgment, ...(now?.notes ?? [])]) if (one) lines.push([...statementText(one)].map((part) => part.textContent ?? part).join(''));
  segmentNotes[index]?.replaceChildren(...lines.filter(Boolean).map((line) => el('div', null, el('ins', null, line))));
}

function turnElement(turn) {
  const segment = segments[turn.segment];
  const lang = /^[a-z]{2,3}$/.test(segment?.language ?? '') && segment.language !== 'und' ? segment.language : null;
  const text = el('p', { lang });
  if (turn.low) text.append(el('span', { class: 'q' }, '[?] '));
  for (const index of turn.words) text.append(wordElement(index), ' ');
  if (turn.text) text.append(turn.text);
  const item = el('li', { class: 'turn' }, el('div', { class: 'who' }, speakerTag(turn.speaker, turn.channel), timeButton(turn.start)), text);
  if (turn.low) item.append(el('div', { class: 'aside' }, t('lowSegment', sentence(segment.low_confidence))));
  if (segmentNotes[turn.segment] === undefined) {
    segmentNotes[turn.segment] = el('div', { class: 'aside' });
    if (standing.has(`segment:${turn.segment}`)) renderSegmentNotes(turn.segment);
    item.append(segmentNotes[turn.segment]);
  }
  return item;
}

function renderTranscript() {
  for (const item of evidence) for (const index of item.words) if (!item.discounted || !hits.has(index)) hits.set(index, item.discounted ? 'x' : 'e');
  const turns = findTurns();
  const list = $('turns');
  if (turns.length) list.append(...turns.map(turnElement));
  else list.replaceWith(el('p', null, t('noTranscript')));
  $('reading').textContent = t('reading');
  $('transcript').addEventListener('click', clickWord);
  $('transcript').addEventListener('mouseover', describeWord);
}

function clickWord(event) {
  const span = event.target.closest('.w');
  if (!span || String(getSelection())) return;
  const word = words[span.dataset.w];
  if (isTimed(word)) playAt(word.start_s);
  if (document.body.classList.contains('reviewing')) { if (canPlay()) audio.pause(); correct('word', Number(span.dataset.w)); }
}

function describeWord(event) {
  const span = event.target.closest?.('.w');
  if (!span || span.title) return;
  const word = words[span.dataset.w];
  const parts = [isTimed(word) ? `${clock(word.start_s, 2)}–${clock(word.end_s, 2)}` : t('noTime')];
  if (isNumber(word.confidence)) parts.push(`${t('confidence')} ${percent(word.confidence)}`);
  if (isNumber(word.expected_error_s)) parts.push(`${t('error')} ${decimals(word.expected_error_s, 2)} s`);
  if (word.uncertain) parts.push(t('uncertainTime'));
  if (isNumber(word.speaker_confidence)) parts.push(`${t('speaker')} ${percent(word.speaker_confidence)}`);
  span.title = parts.join(', ');
}

// The word at a time: the last one that began, until its end.
function wordAt(at) {
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= at + 0.001) low = middle + 1; else high = middle;
  }
  const index = inTime[low - 1];
  return index !== undefined && at <= words[index].end_s + 0.1 ? index : -1;
}

function markWord(at) {
  const index = wordAt(at);
  if (index === marked) return;
  wordElements[marked]?.classList.remove('now');
  wordElements[index]?.classList.add('now');
  marked = index;
  if (index >= 0 && $('follow').checked) wordElements[index].scrollIntoView({ block: 'center', behavior: 'auto' });
}

// ---- what is missing, facts, measurements, custody

function renderOmitted() {
  const gaps = doc.dropped.map((item) => [item, t('dropped'), item.reason]);
  const low = segments.flatMap((item) => [item.low_confidence && [item, t('lowText'), item.low_confidence, item.text], item.cut_short && [item, t('cut'), item.cut_short, '']]).filter(Boolean);
  const all = [...gaps, ...low].sort(([a], [b]) => a.start_s - b.start_s);
  if (!all.length) { $('omitted').append(el('p', null, t('noneOmitted'))); return; }
  const many = recording.channels > 1;
  const body = all.map(([item, what, reason, text]) => el('tr', null, el('td', { class: 'n' }, timeButton(item.start_s)), cell(clock(item.end_s), 'n'), cell(`${decimals(item.end_s - item.start_s, 1)} s`, 'n'), many ? cell(String(item.channel + 1)) : null, cell(what), cell(sentence(reason)), cell(text ? `[?] ${text}` : '', 'text')));
  const names = [t('from'), t('to'), t('length'), ...(many ? [t('channels')] : []), t('what'), t('reason'), t('text')];
  const table = el('table', null, head(names), el('tbody', null, ...body));
  for (const column of [0, 1, 2]) table.tHead.rows[0].cells[column].className = 'n';
  $('omitted').append(wide(table));
}

function renderFacts() {
  const { account } = recording;
  const size = account ? account.audio_bytes + account.other_bytes + account.left_out_bytes : null;
  const person = (one) => `${one.name}${one.role ? `, ${one.role}` : ''} (${one.id})`;
  $('facts').append(facts([
    [t('caseTitle'), [doc.case?.title, doc.case?.reference].filter(Boolean).join(', ')], [t('exhibit'), doc.case?.exhibit], [t('party'), doc.case?.party && person(doc.case.party)],
    [t('people'), [...(doc.case?.speakers ?? []).map((one) => `${t('channel', one.channel + 1)}: ${person(one)}`), ...(doc.case?.voices ?? []).map((one) => `${one.speaker}: ${person(one)}`)].join('; ')], [t('note'), doc.case?.note],
    [t('file'), data.original_file], [t('path'), recording.path], [t('otherNames'), recording.other_names.join('; ')], [t('nameEncoding'), recording.name_encoding],
    [t('contact'), recording.contact], [t('phone'), recording.number], [t('direction'), recording.direction && name(recording.direction)], [t('date'), recording.recorded_at && `${recording.recorded_at.replace('T', ' ')} (${t('dateNote')})`],
    [t('length'), `${clock(duration, 2)} (${decimals(duration, 3)} s)`], [t('format'), `${recording.container}, ${recording.codec}`], [t('rate'), `${decimals(recording.sample_rate_hz, 0)} Hz`], [t('channels'), String(recording.channels)],
    [t('size'), size && `${decimals(size, 0)} ${t('bytes')}`], [t('account'), account && t('accountText', ...[account.audio_bytes, account.other_bytes, account.left_out_bytes, account.damaged_packets, account.packets, account.parts].map((value) => decimals(value, 0)))],
    [t('tags'), Object.entries(recording.tags).map(([key, value]) => `${key}: ${value}`).join('; ')], [t('decoder'), recording.external_decoder && `${recording.external_decoder.path}, ${recording.external_decoder.version}, ${recording.external_decoder.arguments.join(' ')}`]]));
  if (recording.warnings.length) $('facts').append(el('h3', null, t('warnings')), el('ul', null, ...recording.warnings.map((one) => el('li', null, `${name(one.kind)}: ${one.message}`))));
}

const UNITS = [['_dbfs', 'dBFS'], ['_lufs', 'LUFS'], ['_dbtp', 'dBTP'], ['_db', 'dB'], ['_khz', 'kHz'], ['_hz', 'Hz'], ['_per_s', '/s'], ['_per_octave', 'dB'], ['_per_minute', '/min'], ['_semitones', 'st'], ['_ms', 'ms'], ['_s', 's'], ['_bits', 'bit'], ['_ratio', '%'], ['share', '%'], ['_percent', '%']];
const unitOf = (key) => (/^(jitter|shimmer)_/.test(key) ? '%' : UNITS.find(([ending]) => key.endsWith(ending))?.[1] ?? '');

function valueText(key, value) {
  if (typeof value === 'boolean' || typeof value === 'string') return String(value);
  const unit = unitOf(key);
  if (unit === '%' && !key.endsWith('_percent')) return `${decimals(100 * value, 2)} %`;
  const size = Math.abs(value);
  if (size > 0 && size < 1e-4) return `${value.toExponential(1)} ${unit}`.trim();
  return `${decimals(value, size >= 100 ? 0 : size >= 1 ? 2 : 4)} ${unit}`.trim();
}

// Without the unit, which stands with the value.
const measureName = (key) => (Object.hasOwn(NAMES[language], key) ? name(key) : name(key.replace(/(?<!_per)_(dbfs|dbtp|lufs|db|hz|s|ratio|semitones)$/, '')));

// Values in the order in which they are read; others follow.
const MEASURE_ORDER = ['peak_dbfs', 'true_peak_dbtp', 'rms_dbfs', 'speech_rms_dbfs', 'loudness_lufs', 'noise_dbfs', 'snr_db', 'bandwidth_hz', 'cutoff_hz', 'clipping_ratio', 'dc_offset', 'digital_silence_s', 'dropout_count',
  'speech_s', 'speech_ratio', 'overlap_s', 'words_per_minute', 'syllables_per_minute', 'articulation_rate_per_s', 'pause_count', 'pause_mean_s', 'pause_longest_s',
  'f0_mean_hz', 'f0_median_hz', 'f0_sd_hz', 'f0_p05_hz', 'f0_p95_hz', 'f0_range_semitones', 'voiced_s', 'periods', 'level_mean_dbfs', 'level_sd_db',
  'jitter_local', 'jitter_rap', 'jitter_ppq5', 'jitter_ddp', 'shimmer_local', 'shimmer_apq3', 'shimmer_apq5', 'shimmer_apq11', 'hnr_mean_db', 'hnr_sd_db', 'f1_mean_hz', 'f2_mean_hz', 'f3_mean_hz', 'f4_mean_hz', 'cpp_mean_db', 'spectral_tilt_db_per_octave'];
// Reasons of values, as numbered notes under all tables.
const reasons = [];

function reasonMark(reason) {
  const text = sentence(reason);
  if (!reasons.includes(text)) reasons.push(text);
  return el('sup', null, ` ${reasons.indexOf(text) + 1}`);
}

const isMeasured = (value) => value !== null && typeof value === 'object' && 'value' in value && (value.value === null || typeof value.value !== 'object');
const isSingle = (value) => value === null || typeof value !== 'object' || isMeasured(value);

function measuredCell(key, value) {
  if (value === undefined) return cell('');
  const { value: measured, reason } = isMeasured(value) ? value : { value };
  const text = measured === null ? el('span', { class: 'null' }, t('notMeasured')) : valueText(key, measured);
  return el('td', { class: 'n' }, text, reason ? reasonMark(reason) : null);
}

// A row for each value, and a column for each object: pairs of label and object.
function measureTable(title, columns) {
  const labels = ['channel', 'speaker', 'first', 'second'];
  const place = (key) => (MEASURE_ORDER.includes(key) ? MEASURE_ORDER.indexOf(key) : MEASURE_ORDER.length);
  const all = columns.flatMap(([, object]) => Object.keys(object).filter((key) => !labels.includes(key) && isSingle(object[key])));
  const keys = [...new Set(all)].sort((one, other) => place(one) - place(other));
  if (!keys.length) return null;
  const rows = keys.map((key) => el('tr', null, el('th', { scope: 'row' }, measureName(key)), ...columns.map(([, object]) => measuredCell(key, object[key]))));
  const heads = columns.map(([label]) => el('th', { scope: 'col', class: 'n' }, label));
  return wide(el('table', null, el('caption', null, title), el('thead', null, el('tr', null, el('td'), ...heads)), el('tbody', null, ...rows)));
}

// Intervals to listen to, with what is known of each.
function placesTable(title, places) {
  if (!places.length) return null;
  const row = ([label, place]) => el('tr', null, el('td', { class: 'n' }, timeButton(place.start_s)), cell(clock(place.end_s), 'n'), cell(label),
    cell(Object.entries(place).filter(([key, value]) => !key.endsWith('_s') && isSingle(value)).map(([key, value]) => `${measureName(key)}: ${valueText(key, isMeasured(value) ? value.value : value)}`).join('; ')));
  return wide(el('table', null, el('caption', null, title), head([t('from'), t('to'), '', t('remark')]), el('tbody', null, ...places.map(row))));
}

// The voices of a channel: its speakers, and the whole channel unless it is one speaker.
function voicesOf({ channel, voice }) {
  if (!voice) return [];
  const whole = { label: recording.channels > 1 ? `${t('channel', channel + 1)}, ${name('whole')}` : name('whole'), acoustics: voice.whole, prosody: voice.prosody };
  const speakers = voice.speakers.map((one) => ({ label: speakerName(one.speaker, channel), acoustics: one.acoustics, prosody: one.prosody }));
  const all = speakers.length === 1 ? speakers : [whole, ...speakers];
  return all.filter((one) => one.acoustics).map((one) => ({ ...one, acoustics: { ...one.acoustics, band_hz: voice.band_hz, formant_ceiling_hz: voice.formant_ceiling_hz } }));
}

// The speech of a channel, and of its speakers if it has several.
function speechOf({ channel, speech }) {
  const whole = [recording.channels > 1 ? t('channel', channel + 1) : t('value'), speech ?? {}];
  const speakers = (speech?.speakers ?? []).map((one) => [speakerName(one.speaker, channel), one]);
  return speakers.length > 1 ? [whole, ...speakers] : [whole];
}

// Measurements that this page has no table for.
function furtherTables() {
  const known = ['channels', 'evidence', 'scores', 'turn_taking', 'authenticity', 'limits'];
  const rest = Object.entries({ ...doc.forensics, ...doc.further }).filter(([key, value]) => !known.includes(key) && value && typeof value === 'object');
  return rest.map(([key, value]) => measureTable(name(key), (Array.isArray(value) ? value : [value]).filter((one) => !isSingle(one)).slice(0, 20).map((one, index) => [String(index + 1), one])));
}

function renderMeasures() {
  const { channels, turn_taking: taking, limits } = doc.forensics;
  const ofChannel = (part) => channels.map((one) => [recording.channels > 1 ? t('channel', one.channel + 1) : t('value'), part(one)]);
  const voices = channels.flatMap(voicesOf);
  const ofVoice = (part) => voices.map((one) => [one.label, one[part]]);
  const speakers = (taking?.speakers ?? []).map((one) => [one.speaker, one]);
  const pairs = (taking?.pairs ?? []).map((one) => [`${one.first} → ${one.second}`, one]);
  const dropouts = channels.flatMap((one) => (one.quality?.dropouts ?? []).map((place) => [t('channel', one.channel + 1), place]));
  const zones = voices.flatMap((one) => (one.prosody?.escalations ?? []).map((place) => [one.label, place]));
  const tables = [
    measureTable(name('quality'), ofChannel((one) => ({ ...one.level, ...one.quality }))), placesTable(name('dropouts'), dropouts),
    measureTable(name('speech'), channels.flatMap(speechOf)), measureTable(name('f0'), ofChannel((one) => one.f0 ?? {})),
    measureTable(name('voice'), ofVoice('acoustics')), measureTable(name('prosody'), ofVoice('prosody')), placesTable(name('escalations'), zones),
    measureTable(t('turnTaking'), speakers), measureTable('', pairs), ...furtherTables(),
  ].filter(Boolean);
  $('measures').append(el('div', { class: 'columns' }, ...tables));
  if (reasons.length) $('measures').append(el('ol', { class: 'reasons' }, ...reasons.map((text) => el('li', null, text))));
  $('limits').append(...limits.map((text) => el('li', null, sentence(text))));
}

// What a trace is: its kind, the other place of a copy, and what the file states.
function cueText(cue) {
  const again = isNumber(cue.other_start_s) ? [' (', ...around(t('againAt', '\u0000'), timeButton(cue.other_start_s)), ')'] : [];
  return el('td', null, name(cue.kind), ...again, cue.detail ? [': ', sentence(cue.detail)].join('') : '');
}

// A text with an element in its place.
const around = (text, element) => text.split('\u0000').flatMap((part, index) => (index ? [element, part] : [part]));

function cueRow(cue) {
  const placed = placedCues.includes(cue);
  const strength = isNumber(cue.strength.value) ? t('exceeds', decimals(cue.strength.value, 2), decimals(cue.threshold.value, 2)) : '';
  return el('tr', null, el('td', { class: 'n' }, placed ? timeButton(Math.max(0, cue.start_s - 1), clock(cue.start_s, 2)) : ''), cell(placed ? clock(cue.end_s, 2) : '', 'n'),
    cell(isNumber(cue.channel) ? t('channel', cue.channel + 1) : t('container')), cueText(cue), el('td', null, strength, cue.unit ? el('div', { class: 'soft' }, sentence(cue.unit)) : ''), el('td', null, el('ul', null, ...cue.alternatives.map((text) => el('li', null, sentence(text))))));
}

function renderCues() {
  const without = doc.forensics.authenticity.without_cue.map(name).join(', ');
  const heads = [t('from'), t('to'), '', t('what'), t('strength'), t('otherwise')];
  $('cues').append(
    cues.length ? wide(el('table', null, head(heads), el('tbody', null, ...cues.map(cueRow)))) : el('p', null, t(without ? 'noCues' : 'notSought')),
    without ? el('p', { class: 'soft' }, t('sought', without)) : '');
}

const hash = (text) => el('span', { class: 'hash' }, text);
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// The hashes of a stage, one per line.
function hashLines(link) {
  const lines = [[t('ofInputs'), link.fingerprint], [t('ofResult'), link.artifact_sha256], [t('model') + (link.precision ? ` (${link.precision})` : ''), link.model_sha256]];
  return el('dl', { class: 'hashes' }, ...lines.filter(([, value]) => value).map(([label, value]) => el('div', null, el('dt', null, label), el('dd', null, hash(value)))));
}

const stageName = (link) => link.stage + (link.output ? `: ${link.output}` : '');

function provenanceTable() {
  const rows = doc.provenance.map((link) => el('tr', null,
    cell(stageName(link)), cell(`${link.version}, ${t('tool')} ${link.tool_version}`),
    cell(`${utc(link.started_at)}, ${link.device}${link.instruction_set ? `, ${link.instruction_set}` : ''}`), el('td', null, hashLines(link))));
  return wide(el('table', { class: 'custody' }, head([t('stage'), t('versions'), t('computed'), t('fingerprint')]), el('tbody', null, ...rows)));
}

// Every file of a model once, with the stages that used it.
function modelTable() {
  const files = new Map();
  for (const link of doc.provenance) {
    for (const [file, sha] of Object.entries(link.model_files)) {
      const one = files.get(`${sha} ${file}`) ?? { file, sha, stages: new Set() };
      files.set(`${sha} ${file}`, one);
      one.stages.add(link.stage);
    }
  }
  if (!files.size) return '';
  const rows = [...files.values()].map(({ file, sha, stages }) => el('tr', null, cell(file, 'any'), cell([...stages].join(', ')), el('td', null, hash(sha))));
  return wide(el('table', { class: 'custody' }, el('caption', null, t('modelFiles')), head([t('file'), t('usedBy'), 'SHA-256']), el('tbody', null, ...rows)));
}

function renderCustody() {
  const settings = el('details', { class: 'screen' }, el('summary', null, t('settings')), ...doc.provenance.flatMap((link) => [el('h3', null, stageName(link)), el('pre', null, JSON.stringify({ settings: link.settings, libraries: link.libraries }, null, 1))]));
  $('custody').append(
    facts([[t('fileHash'), hash(recording.sha256)], [t('pcmHash'), hash(recording.pcm_sha256)], [t('playedHash'), data.audio?.kind === 'copy' && data.audio.sha256 ? hash(data.audio.sha256) : null], [t('caseFile'), doc.case?.file_sha256 && hash(doc.case.file_sha256)]]),
    el('p', { class: 'soft', style: 'margin-top:8px' }, t('custodyHint')),
    el('h3', null, t('recompute')), el('p', { class: 'soft' }, t('recomputeFile')), el('code', { class: 'command' }, `sha256sum ${quoted(data.original_file)}`), el('p', { class: 'soft' }, t('recomputeCase')), el('code', { class: 'command' }, 'earwitness verify DIR'),
    provenanceTable(), modelTable(), settings);
}

function renderTop() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll('[data-t]')) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', t(element.dataset.label));
  const title = doc.case?.party?.name ?? recording.contact ?? recording.number ?? data.original_file;
  $('title').textContent = title;
  document.title = `${title} – Earwitness`;
  setUpPaper(title);
  $('meta').textContent = [recording.recorded_at?.replace('T', ' '), clock(duration, 0), recording.direction && name(recording.direction), doc.case?.exhibit, title === data.original_file ? null : data.original_file].filter(Boolean).join(' · ');
  $('about').textContent = t('about');
  $('case').hidden = !data.case_id;
  const notices = [doc.redaction && `${t('redacted')}: ${doc.redaction.note}`, doc.reviewed && `${t('reviewedCopy')}: ${doc.reviewed.note}`, ...recording.warnings.map((one) => `${t('warnings')} (${name(one.kind)}): ${one.message}`), doc.speakers.skipped && `${t('people')}: ${doc.speakers.skipped}`];
  $('notices').append(...notices.filter(Boolean).slice(0, 8).map((text) => el('p', { class: 'notice' }, text)));
}

// The title, the hash of the file and page numbers on each page of paper.
function setUpPaper(title) {
  const quote = (text) => `"${[...text].map((c) => (/[\p{L}\p{N} .,:-]/u.test(c) ? c : `\\${c.codePointAt(0).toString(16)} `)).join('')}"`;
  const line = [title.slice(0, 80), `SHA-256 ${recording.sha256.slice(0, 16)}`].join(' \u00b7 ');
  document.head.append(el('style', null, `@page { @top-left { content: ${quote(line)}; font: 8px sans-serif; color: #444; } @bottom-right { content: counter(page) " / " counter(pages); font: 8px sans-serif; color: #444; } }`));
}

// ---- controls

const KEYS = [['Space', 'k_space'], ['n p', 'k_np'], ['← →', 'k_arrows'], ['< >', 'k_speed'], ['+ −', 'k_zoom'], ['e', 'k_e'], ['?', 'k_help']];

function showKeys() {
  const list = KEYS.map(([key, text]) => el('tr', null, el('td', { class: 'nowrap' }, ...key.split(' ').flatMap((one) => [el('kbd', null, one), ' '])), cell(t(text))));
  $('keys').replaceChildren(el('h2', { id: 'keys-title' }, t('keys')), el('table', null, el('tbody', null, ...list)), el('form', { method: 'dialog', style: 'margin-top:12px' }, el('button', null, t('close'))));
  $('keys').showModal();
}

function setMode(on) {
  document.body.classList.toggle('reviewing', on);
  $('mode').setAttribute('aria-pressed', String(on));
  for (const box of document.querySelectorAll('.judge')) box.hidden = !on;
  if (!on) $('panel').hidden = true;
}

// Tables that are wider than the page can be scrolled by keyboard.
function focusScrollable() {
  for (const box of document.querySelectorAll('.scroll')) {
    const isWide = box.scrollWidth > box.clientWidth;
    for (const [key, value] of [['tabindex', '0'], ['role', 'group'], ['aria-label', box.closest('section').querySelector('h2').textContent]]) {
      if (isWide) box.setAttribute(key, value); else box.removeAttribute(key);
    }
  }
}

const ACTIONS = {
  ' ': () => { if (canPlay()) { if (audio.paused) audio.play().catch(() => {}); else audio.pause(); } },
  n: () => stepItem(1), p: () => stepItem(-1),
  ArrowLeft: () => { current = null; seek(position() - 2, false); }, ArrowRight: () => { current = null; seek(position() + 2, false); },
  '<': () => setSpeed(-1), '>': () => setSpeed(1), '+': () => setScale(pixelsPerSecond * 2), '-': () => setScale(pixelsPerSecond / 2),
  e: () => { if (document.body.classList.contains('reviewing') && marked >= 0) { if (canPlay()) audio.pause(); correct('word', marked); } },
  '?': showKeys,
};

// Keys by their place too, so that n, p and e work while a Korean input method is on.
function onKey(event) {
  const { target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || $('keys').open || target.closest('textarea, select, dialog, input:not([type=checkbox])')) return;
  const letter = /^Key[NPE]$/.test(event.code) ? event.code.at(-1).toLowerCase() : event.key;
  const isOwn = (target.closest('button, summary, a, input') && event.key === ' ') || (target === audio && [' ', 'ArrowLeft', 'ArrowRight'].includes(event.key));
  const action = ACTIONS[letter];
  if (!action || isOwn) return;
  event.preventDefault();
  action();
}

function setUpControls() {
  $('speed').append(...speeds.map((speed) => el('option', { value: speed, selected: speed === 1 }, `${decimals(speed, 2)}×`)));
  $('speed').addEventListener('change', () => setSpeed(0));
  $('previous').addEventListener('click', () => stepItem(-1));
  $('next').addEventListener('click', () => stepItem(1));
  $('mode').addEventListener('click', () => setMode(!document.body.classList.contains('reviewing')));
  $('help').addEventListener('click', showKeys);
  $('in').addEventListener('click', () => setScale(pixelsPerSecond * 2));
  $('out').addEventListener('click', () => setScale(pixelsPerSecond / 2));
  $('fit').addEventListener('click', () => setScale(0));
  $('track').addEventListener('click', clickTimeline);
  $('scroller').addEventListener('scroll', redraw, { passive: true });
  document.addEventListener('keydown', onKey);
  document.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-at], button[data-go]');
    if (button?.dataset.at) playAt(Number(button.dataset.at));
    else if (button) goToItem(Number(button.dataset.go));
  });
  let isWhole = true;
  new ResizeObserver(() => { if (viewWidth()) setScale(isWhole ? 0 : pixelsPerSecond); focusScrollable(); }).observe($('sound'));
  $('zoom').addEventListener('click', () => { isWhole = $('fit').disabled; });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  addEventListener('beforeprint', drawPaper);
  addEventListener('hashchange', goToLink);
  for (const button of [$('previous'), $('next')]) button.hidden = !evidence.length;
}

computeStanding();
renderTop();
setUpAudio();
renderEvidence();
renderScores();
renderTranscript();
renderOmitted();
renderReview();
renderFacts();
renderMeasures();
renderCues();
renderCustody();
renderTimeline();
setUpControls();
tick();
goToLink();
