//! The recovery sheet as one page of HTML: for printing, from any browser, with nothing from outside.
//!
//! In: what stands on a sheet. Out: the page; the QR code in it is a drawing and says the letters. Letters and words stand
//! alone on lines of the file too, so that the file itself is read like what a person types.
//! Deliberately absent: scripts, fonts, anything that is fetched.

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use super::sheet::{Sheet, places};

/// Empty modules around a code, as its standard wants.
const QUIET: usize = 4;
const STYLE: &str = "@page{size:A4;margin:18mm}\
    body{font:11pt/1.4 sans-serif;color:#000;background:#fff;max-width:174mm;margin:8mm auto}\
    h1{font-size:18pt;margin:0 0 4mm}h2{font-size:12pt;margin:6mm 0 2mm}p{margin:2mm 0}\
    .secret{display:flex;gap:6mm;align-items:flex-start;border:1.5pt solid #000;padding:4mm;break-inside:avoid}\
    pre{font:bold 11pt/1.7 monospace;margin:0}.letters{font-size:10.5pt}svg{width:44mm;height:44mm;flex:none}\
    code{font:9.5pt monospace;overflow-wrap:anywhere}td span{white-space:nowrap}\
    table{border-collapse:collapse}td{padding:1mm 4mm 1mm 0;vertical-align:top}";

/// The page.
pub(super) fn page(sheet: &Sheet<'_>, words: &[Zeroizing<String>]) -> Zeroizing<String> {
    let Sheet { config, family, letters, made } = sheet;
    let (code, made) = (code(letters), made.text());
    let lines: Vec<String> = (1..).zip(words).map(|(at, line)| format!("{at}  {}", line.as_str())).collect();
    let words = Zeroizing::new(lines.join("\n"));
    let row = |(name, words): &(String, String)| {
        // A word is typed as one: no line ends within it.
        let words: Vec<String> = words.split(' ').map(|word| format!("<span>{}</span>", escaped(word))).collect();
        format!("<tr><td>{}</td><td><code>{}</code></td></tr>", escaped(name), words.join(" "))
    };
    let places = places(config).iter().map(row).collect::<Vec<_>>().join("\n");
    Zeroizing::new(format!(
        "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<title>Offsite recovery sheet</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Offsite recovery sheet</h1>
<p>Print this page, keep it away from this computer, and delete this file and the text (.txt) beside it.<br>
<b>Whoever has it and one of the places below can read everything that is backed up.</b></p>
<div class=\"secret\">
{}
<div>
<pre class=\"letters\">
{letters}
</pre>
<h2>The same in words, which are easier to type; either is enough</h2>
<pre>
{}
</pre>
</div>
</div>
<h2>The backup copies are at</h2>
<table>
{places}
</table>
<p>Servers also want to know who asks: keep the account's password or key with this page (it is not on it), and what tells
that the server is the right one: the host key of an SFTP server, the file of an authority of your own.</p>
<h2>To get files back on a new computer</h2>
<p>Install Offsite, and type the line of letters, or the four lines of words, into a file; the square says the letters to a
camera. Then, with the words that stand beside one of the places,</p>
<p><code>engine recover --from PLACE --sheet THAT-FILE</code><br>
<code>engine recover --from PLACE --sheet THAT-FILE --to NEW-FOLDER</code></p>
<p>The first line lists what is there, the second restores the newest point of each job. <code>engine recover --help</code>
names the options for logins.</p>
<p>family <code>{family}</code><br>made <code>{made}</code></p>
</body>
</html>
",
        code.as_str(),
        words.as_str(),
    ))
}

/// The letters as a drawing: one path of dark modules. A quarter of the code may be lost.
fn code(letters: &str) -> Zeroizing<String> {
    let code = QrCode::with_error_correction_level(letters, EcLevel::Q).expect("44 letters fit");
    let (width, colors) = (code.width(), code.to_colors());
    let dark = colors.iter().enumerate().filter(|(_, color)| **color == Color::Dark);
    let dark = dark.map(|(at, _)| format!("M{} {}h1v1h-1z", QUIET + at % width, QUIET + at / width));
    let (path, side) = (Zeroizing::new(dark.collect::<String>()), width + 2 * QUIET);
    Zeroizing::new(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" \
         aria-label=\"the letters as a QR code\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path fill=\"#000\" d=\"{}\"/></svg>",
        path.as_str()
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read by another's code from the drawing itself, four pixels a module.
    #[test]
    fn the_code_says_the_letters() {
        const PIXELS: usize = 4;
        let letters = "A18N-4MTM-ANB5-EP2S-B9DN-RQAY-BXG6-2RK3-532W";
        let svg = code(letters);
        let side: usize =
            svg.split("0 0 ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a box");
        let path = svg.rsplit("d=\"").next().expect("a path").split('"').next().expect("its end");
        let dark: std::collections::BTreeSet<(usize, usize)> = path
            .split_terminator("h1v1h-1z")
            .map(|module| {
                let (x, y) = module.strip_prefix('M').and_then(|at| at.split_once(' ')).expect("a module");
                (x.parse().expect("a number"), y.parse().expect("a number"))
            })
            .collect();
        let shade = |x: usize, y: usize| if dark.contains(&(x / PIXELS, y / PIXELS)) { 0 } else { 255 };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(side * PIXELS, side * PIXELS, shade);
        let found = image.detect_grids();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].decode().expect("readable").1, letters);
    }
}
